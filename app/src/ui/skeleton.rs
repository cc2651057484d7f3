//! Grey shapes of what is about to come. They have the geometry of the content, so that nothing jumps.
use leptos::prelude::*;

use crate::i18n::t;

/// At most eight rows; they appear after a moment, so that fast answers do not flicker.
#[must_use]
pub fn skeleton_rows(rows: usize) -> AnyView {
    let rows = (0..rows.min(8)).map(|_| view! { <div class="skeleton-row"></div> }).collect_view();
    view! { <div class="skeleton" role="status" aria-label=t::common_loading()>{rows}</div> }.into_any()
}
