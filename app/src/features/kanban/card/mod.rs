//! A card's page.
use leptos::prelude::*;

/// A card's page.
#[component]
pub fn CardRoute() -> impl IntoView {}
