//! Pages whose code is fetched when they are first opened. The board comes with the first load, because it is where
//! people are; the service worker fetches the rest in the background, so that opening it does not wait for a network.
use leptos::prelude::*;
use leptos_router::{LazyRoute, lazy_route};

use crate::features::accounts::{LoginPage, SetupPage};
use crate::features::decisions::DecisionPage;
use crate::features::inbox::InboxPage;
use crate::features::kanban::CardRoute;

macro_rules! lazy_pages {
    ($($(#[$doc:meta])* $name:ident => $page:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name;

        #[lazy_route]
        impl LazyRoute for $name {
            fn data() -> Self {
                Self
            }

            fn view(_this: Self) -> AnyView {
                crate::ui::dom::mark_hydrated();
                view! { <$page /> }.into_any()
            }
        }
    )+};
}

lazy_pages! {
    /// One card.
    LazyCard => CardRoute,
    /// One decision.
    LazyDecision => DecisionPage,
    /// What waits for a person.
    LazyInbox => InboxPage,
    /// Signing in.
    LazyLogin => LoginPage,
    /// Making the owner's account.
    LazySetup => SetupPage,
}
