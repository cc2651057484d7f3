//! One decision: read it, settle it.
use leptos::prelude::*;

/// A decision.
#[component]
pub fn DecisionPage() -> impl IntoView {}
