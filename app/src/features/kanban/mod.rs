//! The board and its cards.
use leptos::prelude::*;

/// The board.
#[component]
pub fn BoardRoute() -> impl IntoView {}

/// A card's page.
#[component]
pub fn CardRoute() -> impl IntoView {}

/// The dialog for a new card.
#[component]
pub fn NewCardDialog(
    /// Whether it is open.
    open: RwSignal<bool>) -> impl IntoView {
    let _ = open;
}
