//! The menu: a list of actions, a sheet on a phone.
use leptos::prelude::*;

use super::{Dialog, DialogKind, Icon, icon, keymap};

/// One action of a menu.
#[derive(Clone)]
pub struct MenuItem {
    /// Its name.
    pub label: String,
    /// Its sign.
    pub icon: Icon,
    /// The key that does the same, if any.
    pub key: &'static str,
    /// The colour of what it leads to; empty for none.
    pub color: String,
    /// What it does. The menu closes first.
    pub action: Callback<()>,
}

/// A menu. The items are asked for each time it opens.
#[component]
pub fn Menu(
    /// Whether it is open.
    open: RwSignal<bool>,
    /// Its title.
    #[prop(into)]
    title: Signal<String>,
    /// The element beside which it stands on a wide screen.
    #[prop(into)]
    anchor: Callback<(), Option<web_sys::Element>>,
    /// The actions.
    #[prop(into)]
    items: Callback<(), Vec<MenuItem>>,
) -> impl IntoView {
    view! {
        <Dialog open title kind=DialogKind::Menu anchor>
            <div class="menu" role="menu" on:keydown=move_focus>
                {items.run(()).into_iter().map(|item| view! {
                    <button type="button" class="menu-item" role="menuitem" on:click=move |_| {
                        open.set(false);
                        item.action.run(());
                    }>
                        {icon(item.icon)}
                        <span>
                            {(!item.color.is_empty()).then(|| view! { <span class="board-dot" data-color=item.color></span> })}
                            {item.label}
                        </span>
                        {(!item.key.is_empty()).then(|| view! { <kbd>{keymap::shown(item.key)}</kbd> })}
                    </button>
                }).collect_view()}
            </div>
        </Dialog>
    }
}

/// Up and down go through the items.
fn move_focus(event: web_sys::KeyboardEvent) {
    let Some(active) = document().active_element() else { return };
    let next = match event.key().as_str() {
        "ArrowDown" | "j" => active.next_element_sibling(),
        "ArrowUp" | "k" => active.previous_element_sibling(),
        _ => return,
    };
    event.prevent_default();
    if let Some(next) = next {
        super::dom::focus(&next);
    }
}
