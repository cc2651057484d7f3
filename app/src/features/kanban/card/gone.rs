//! In the place of a card that was deleted while it was on screen: nothing of it can be changed, but it can be had back.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::CardId;

use crate::features::kanban::form::offer_undo;
use crate::features::kanban::server_fns::restore_card;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, Toasts};

/// `look` reads the card again.
pub fn view(id: CardId, number: i64, look: Callback<()>, toasts: Toasts) -> AnyView {
    let (busy, problem) = (RwSignal::new(false), RwSignal::new(String::new()));
    let label = words::label(number);
    let title = t::card_gone(&label);
    let restore = Callback::new(move |()| {
        let label = label.clone();
        busy.set(true);
        problem.set(String::new());
        spawn_local(async move {
            let answer = restore_card(id).await;
            busy.try_set(false);
            match answer {
                Ok(written) => {
                    let text = t::kanban_restored(&label, words::state_name(written.card.state));
                    match written.undo {
                        Some(undo) => offer_undo(toasts, text, undo),
                        None => toasts.say(text),
                    }
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
            // Somebody else may have been first.
            look.run(());
        });
    });
    view! {
        <div class="state">
            <div role="alert">
                <h1 class="state-title">{title}</h1>
                <p class="state-hint">{t::card_gone_hint()}</p>
            </div>
            <div class="btn-row">
                <a class="btn" href="/board">{t::shell_to_board()}</a>
                <Button kind=ButtonKind::Primary busy on_press=restore>{t::kanban_restore()}</Button>
            </div>
            <p class="field-error" role="alert">{move || problem.get()}</p>
        </div>
    }
    .into_any()
}
