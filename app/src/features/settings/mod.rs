//! Settings, loaded when first opened.
use leptos::prelude::*;
use leptos_router::{LazyRoute, lazy_route};

use crate::i18n::t;

/// The settings.
#[derive(Debug, Clone)]
pub struct SettingsPage;

#[lazy_route]
impl LazyRoute for SettingsPage {
    fn data() -> Self {
        Self
    }

    fn view(_this: Self) -> AnyView {
        view! { <h1>{t::shell_settings()}</h1> }.into_any()
    }
}
