//! Setting up and signing in.
use leptos::prelude::*;

/// Signing in.
#[component]
pub fn LoginPage() -> impl IntoView {}

/// Making the owner's account.
#[component]
pub fn SetupPage() -> impl IntoView {}
