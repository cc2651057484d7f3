//! What the card waits for and what waits for it: chips to follow, add and remove, and a map of what is around.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{CardId, CardLink, CardRef, LinkWritten, TaskCard};

use super::model::CardPage;
use crate::error::ApiError;
use crate::features::kanban::extra::{Extra, extra};
use crate::features::kanban::form::{Among, finder, offer_undo};
use crate::features::kanban::server_fns::{link_cards, unlink_cards};
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Dialog, Icon, Toasts, icon, later};

/// Which side of the card a link is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// The other card comes first.
    Before,
    /// The other card waits.
    After,
}

impl Side {
    /// Parent and child.
    fn ends(self, own: CardId, other: CardRef) -> (CardRef, CardRef) {
        match self {
            Self::Before => (other, CardRef::Id(own)),
            Self::After => (CardRef::Id(own), other),
        }
    }
}

/// Links of one side that are listed until all are asked for.
const FEW_LINKS: usize = 10;

/// The section.
pub fn dependencies(page: CardPage) -> AnyView {
    let adding = page.linking;
    let toasts = expect_context::<Toasts>();
    let (own, board) = page.detail.with_untracked(|detail| (detail.card.id, detail.board.slug.clone()));
    let parents = Memo::new(move |_| page.detail.with(|detail| detail.parents.clone()));
    let children = Memo::new(move |_| page.detail.with(|detail| detail.children.clone()));
    // Only the first are listed; the card knows how many there are.
    let counted = Memo::new(move |_| page.detail.with(|detail| (detail.card.children_done, detail.card.children)));
    let finished = Memo::new(move |_| page.detail.with(|detail| (detail.parents_done, detail.parents_all)));
    let any = Memo::new(move |_| !parents.read().is_empty() || !children.read().is_empty());
    // The map measures what it shows, which only a browser can.
    let in_browser = RwSignal::new(false);
    Effect::new(move |_| in_browser.set(true));
    let changed = Signal::derive(move || {
        parents.track();
        children.track();
    });
    let linked = Callback::new(move |()| {
        adding.set(false);
        page.reload();
    });
    view! {
        <section class="section" aria-label=t::card_dependencies()>
            <header class="section-head">
                <h2>{t::card_dependencies()}</h2>
                <button type="button" class="btn btn-quiet btn-small" aria-haspopup="dialog" on:click=move |_| adding.set(true)>
                    <span class="icon-s">{icon(Icon::Plus)}</span>{t::links_add()}
                </button>
            </header>
            <Show when=move || !any.get()><p class="muted">{t::links_none()}</p></Show>
            {group(page, t::card_waits_for(), Side::Before, parents, finished)}
            {group(page, t::card_needed_by(), Side::After, children, counted)}
            <Show when=move || in_browser.get() && any.get()>{later(extra(Extra::Map(own, changed)))}</Show>
        </section>
        <Dialog open=adding title=t::links_add_title().to_owned()>{later(extra(Extra::Picker(own, board.clone(), linked, toasts)))}</Dialog>
    }
    .into_any()
}

fn group(
    page: CardPage,
    title: &'static str,
    side: Side,
    links: Memo<Vec<CardLink>>,
    progress: Memo<(u32, u32)>,
) -> AnyView {
    let all_shown = RwSignal::new(false);
    let shown = Memo::new(move |_| {
        let mut links = links.get();
        if !all_shown.get() && links.len() > FEW_LINKS + 1 {
            links.truncate(FEW_LINKS);
        }
        links
    });
    let hidden = move || i64::try_from(links.read().len() - shown.read().len()).unwrap_or(0);
    let listed = move || {
        let (listed, all) = (links.read().len(), progress.get().1);
        (hidden() == 0 && listed < all as usize).then(|| t::links_listed(&listed.to_string(), &all.to_string()))
    };
    let toasts = expect_context::<Toasts>();
    let own = page.detail.with_untracked(|detail| detail.card.id);
    let chip = move |link: CardLink| {
        let number = link.number;
        let (parent, child) = side.ends(own, CardRef::Id(link.id));
        let remove = move |_| {
            spawn_local(async move {
                let text = t::links_removed(&words::label(number));
                written(unlink_cards(parent, child).await, text, toasts);
                page.reload();
            });
        };
        let label = t::links_remove(&words::label(number));
        view! {
            <li class="link-item">
                {link_chip(link)}
                <button type="button" class="icon-btn link-remove" aria-label=label on:click=remove>{icon(Icon::Close)}</button>
            </li>
        }
    };
    view! {
        <Show when=move || !links.read().is_empty()>
            <div class="links">
                <h3>
                    {title}
                    <span class="links-progress">
                        {move || { let (done, all) = progress.get(); t::links_progress(&done.to_string(), &all.to_string()) }}
                    </span>
                </h3>
                <ul><For each=move || shown.get() key=|link| (link.id, link.state, link.title.clone()) children=chip /></ul>
                <Show when=move || { hidden() > 0 }>
                    <button type="button" class="btn btn-quiet btn-small links-all" on:click=move |_| all_shown.set(true)>
                        {move || t::links_show_all(hidden())}
                    </button>
                </Show>
                {move || listed().map(|text| view! { <p class="muted">{text}</p> })}
            </div>
        </Show>
    }
    .into_any()
}

fn link_chip(link: CardLink) -> AnyView {
    let tone = words::state_tone(link.state).class();
    view! {
        <a class=format!("link-chip {tone}") href=format!("/card/{}", link.number)>
            <span class="icon-s link-sign">{icon(words::state_icon(link.state))}</span>
            <span class="card-number">{words::label(link.number)}</span>
            <span class="link-title">{link.title}</span>
            <span class="link-state">{words::state_name(link.state)}</span>
        </a>
    }
    .into_any()
}

fn written(answer: Result<LinkWritten, ApiError>, text: String, toasts: Toasts) {
    match answer {
        Ok(LinkWritten { undo: Some(undo) }) => offer_undo(toasts, text, undo),
        Ok(LinkWritten { undo: None }) => {}
        Err(error) => toasts.fail(error.message),
    }
}

/// Which card of the board of that slug, and on which side.
pub fn picker(own: CardId, board: String, linked: Callback<()>, toasts: Toasts) -> AnyView {
    let side = RwSignal::new(Side::Before);
    let problem = RwSignal::new(String::new());
    let choice = move |which: Side, name: &'static str| {
        view! {
            <button type="button" class="choice" aria-pressed=move || if side.get() == which { "true" } else { "false" }
                on:click=move |_| side.set(which)>{name}</button>
        }
    };
    let add = Callback::new(move |other: TaskCard| {
        let (parent, child) = side.get_untracked().ends(own, CardRef::Id(other.id));
        problem.set(String::new());
        spawn_local(async move {
            match link_cards(parent, child).await {
                Ok(answer) => {
                    written(Ok(answer), t::links_added().to_owned(), toasts);
                    linked.run(());
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    });
    view! {
        <div class="dialog-body">
            <div class="choices" role="group" aria-label=t::links_side()>
                {choice(Side::Before, t::links_this_waits())}
                {choice(Side::After, t::links_this_is_needed())}
            </div>
            {finder(t::links_card(), Among::Others(board, own), add, problem.into())}
        </div>
    }
    .into_any()
}
