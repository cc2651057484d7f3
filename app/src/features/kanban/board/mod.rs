//! The board page.
mod attention;
mod bulk;
mod column;
mod drag;
mod face;
mod focus;
mod forms;
mod head;
pub(super) mod kept;
mod keyboard;
mod landing;
mod lanes;
mod menu;
pub(super) mod model;
mod moving;
mod pages;
pub(super) mod peek;
mod place;
mod selection;
mod window;
mod write;

use leptos::html;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate, use_params_map};
use protocol::{BoardPage, BoardSummary, BoardView, CardId, CardState, StreamMessage};

use super::extra::{Extra, extra};
use super::server_fns::{LEFT_BOARD, read_board};
use super::{EditDialog, NewCardDefaults, words};
use crate::i18n::t;
use crate::layout::{Finding, LastBoard, NewCard};
use crate::live::{Connection, Live, Watch};
use crate::outbox::Outbox;
use crate::ui::{
    Button, ButtonKind, EmptyState, ErrorPage, MenuItem, Overlays, Toasts, dom, later, shown_while, skeleton_rows,
};
pub use focus::card_of;
use forms::Form;
pub(super) use forms::archived_notice;
use lanes::Folded;
use menu::MenuFor;
pub use menu::{Command, commands};
use model::Board;

/// Remembers how dense cards are shown, in this browser.
const DENSITY_KEY: &str = "hermes.density";

/// What lies over the board, and how it is shown.
#[derive(Debug, Clone, Copy)]
pub struct BoardUi {
    menu: RwSignal<Option<MenuFor>>,
    menu_open: RwSignal<bool>,
    items: StoredValue<Vec<MenuItem>>,
    /// What menus are about.
    behind: StoredValue<(Board, Toasts)>,
    /// The element that the menu stands beside, as a selector.
    anchor: StoredValue<String>,
    form: RwSignal<Option<Form>>,
    form_open: RwSignal<bool>,
    edit: RwSignal<Option<CardId>>,
    edit_open: RwSignal<bool>,
    /// What the search field says.
    search: RwSignal<String>,
    /// The search field is shown where there is no room for it.
    searching: RwSignal<bool>,
    compact: RwSignal<bool>,
    /// Cards that need attention.
    attention: RwSignal<i64>,
    /// The card in the panel beside the board, and what it wants to hear about. Of types that are used anyway: each
    /// other one would be part of the first load.
    peek: RwSignal<Option<CardId>>,
    peek_watch: StoredValue<Watch>,
    /// Turns over when that has changed.
    peek_changed: RwSignal<bool>,
    /// Everything of the board.
    root: NodeRef<html::Div>,
    folded: Folded,
    new_card: NewCard,
    finding: Finding,
    overlays: Overlays,
    go: StoredValue<Go>,
}

/// Leads to an address, in place of this one.
type Go = Box<dyn Fn(&str) + Send + Sync>;

impl BoardUi {
    fn new(board: Board) -> Self {
        let navigate = use_navigate();
        let go: Go = Box::new(move |address: &str| {
            navigate(address, NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
        });
        let compact = RwSignal::new(false);
        Effect::new(move |before: Option<()>| {
            if before.is_none() {
                compact.set(dom::remembered(DENSITY_KEY).as_deref() == Some("compact"));
            } else {
                dom::remember(DENSITY_KEY, if compact.get() { "compact" } else { "comfortable" });
            }
            compact.track();
        });
        Self {
            menu: RwSignal::new(None),
            menu_open: RwSignal::new(false),
            items: StoredValue::new(Vec::new()),
            behind: StoredValue::new((board, expect_context::<Toasts>())),
            anchor: StoredValue::new(String::new()),
            form: RwSignal::new(None),
            form_open: RwSignal::new(false),
            edit: RwSignal::new(None),
            edit_open: RwSignal::new(false),
            search: RwSignal::new(board.view.with_untracked(|view| view.text.clone())),
            searching: RwSignal::new(false),
            compact,
            attention: RwSignal::new(0),
            peek: RwSignal::new(None),
            peek_watch: StoredValue::new(Watch::default()),
            peek_changed: RwSignal::new(false),
            root: NodeRef::new(),
            folded: Folded::of(board),
            new_card: expect_context::<NewCard>(),
            finding: expect_context::<Finding>(),
            overlays: expect_context::<Overlays>(),
            go: StoredValue::new(go),
        }
    }

    /// Shows the search field, if it was not, and types into it. In the same breath: a phone opens its keyboard only for
    /// a focus that comes with the touch.
    fn search_board(self) {
        let Some(field) = document().get_element_by_id("board-search") else { return };
        if let Some(label) = field.parent_element() {
            // silent-ok: the class name is a constant.
            let _ = label.class_list().add_1("is-searching");
        }
        self.searching.set(true);
        dom::focus(&field);
    }

    fn open_form(self, form: Form) {
        self.form.set(Some(form));
        self.form_open.set(true);
    }

    fn open_editor(self, id: CardId) {
        self.edit.set(Some(id));
        self.edit_open.set(true);
    }

    /// Opens the dialog for a new card that starts in this column.
    pub fn create(self, state: CardState) {
        self.new_card.defaults.set_value(NewCardDefaults { triage: state == CardState::Triage });
        self.new_card.open.set(true);
    }

    /// Goes to another board.
    fn open_board(self, slug: &str) {
        self.open_page(&format!("/board/{slug}"));
    }

    /// Goes to another page from a dialog, in the place of the dialog.
    fn open_page(self, address: &str) {
        // Overlays that are open would go back from where this leads.
        self.overlays.leave();
        self.go.try_with_value(|go| go(address));
    }

    /// Closes the panel beside the board; the focus goes back to its card.
    fn close_peek(self) {
        let Some(card) = self.peek.get_untracked() else { return };
        self.peek.set(None);
        let link = document().query_selector(&format!("[data-card='{card}'] a.card-title"));
        if let Some(link) = link.ok().flatten() {
            dom::focus(&link);
        }
    }

    /// Shows another view of the board; it stands in the address, so that a link shows the same.
    fn look_at(self, view: &BoardView) {
        let path = window().location().pathname().unwrap_or_default();
        let query = view.to_query();
        let sign = if query.is_empty() { "" } else { "?" };
        let address = format!("{path}{sign}{query}");
        self.go.with_value(|go| go(&address));
        self.overlays.leads_on(Callback::new(move |()| {
            self.go.try_with_value(|go| go(&address));
        }));
    }

    /// Changes the view that is shown.
    fn adjust(self, board: Board, change: impl FnOnce(&mut BoardView)) {
        let mut view = board.view.get_untracked();
        change(&mut view);
        self.look_at(&view);
    }
}

/// The board of the address.
#[component]
pub fn BoardRoute() -> impl IntoView {
    dom::mark_hydrated();
    let params = use_params_map();
    let slug = Memo::new(move |_| params.read().get("slug").unwrap_or_default());
    let last = expect_context::<LastBoard>();
    let search = use_location().search;
    let view = Memo::new(move |_| BoardView::from_query(&search.read()));
    // Only another board is another page; another view of the same one is shown in place.
    let page = Resource::new_blocking(
        move || slug.get(),
        move |slug| {
            let query = view.with_untracked(BoardView::to_query);
            let slug = if slug.is_empty() { last.slug() } else { slug };
            let kept = kept::take(&slug, &query);
            async move { if let Some(page) = kept { Ok(page) } else { read_board(slug, query, None).await } }
        },
    );
    let retry = Callback::new(move |()| page.refetch());
    view! {
        <Suspense fallback=move || view! { <div class="page">{skeleton_rows(6)}</div> }>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(page) => view! { <BoardContent page view route=slug.get_untracked() /> }.into_any(),
                    Err(error) => view! { <ErrorPage error retry /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn BoardContent(page: BoardPage, view: Memo<BoardView>, route: String) -> impl IntoView {
    let live = expect_context::<Live>();
    let new_card = expect_context::<NewCard>();
    let seq = page.seq;
    // While the next page's code is on its way the address is that page's already.
    let (path, name) = (use_location().pathname, route.clone());
    let view = Memo::new(move |shown: Option<&BoardView>| match shown {
        Some(shown) if slug_of(&path.read()) != Some(name.as_str()) => shown.clone(),
        _ => view.get(),
    });
    let outbox = expect_context::<Outbox>();
    let board = Board::new(page, view.get_untracked(), expect_context::<Toasts>(), outbox);
    let ui = BoardUi::new(board);
    let columns = NodeRef::<html::Div>::new();
    let current = RwSignal::new(CardState::Triage);
    Effect::new(move |_| {
        let board_id = board.summary.with_value(|summary| summary.id);
        // The card beside the board has been read later than the board.
        ui.peek_changed.track();
        let peek = ui.peek_watch.get_value();
        live.watch(Watch { board: Some(board_id), after: seq.max(board.seq.get_value()), ..peek });
    });
    live.on_message(move |message| match message {
        StreamMessage::Board(delta) => board.apply(delta),
        StreamMessage::Snapshot { seq } => board.reload(*seq),
        _ => {}
    });
    Effect::new(move |_| board.show(view.get()));
    Effect::new(move |before: Option<Vec<CardId>>| {
        let now = outbox.cards();
        board.mark_waiting(&before.unwrap_or_default(), &now);
        now
    });
    // What came to nothing may still be shown; it is read again as soon as that can be.
    Effect::new(move |_| {
        let undone = outbox.undone();
        if board.undone.get_value() != undone && live.connection() == Connection::Live {
            board.undone.set_value(undone);
            board.reload(board.seq.get_value());
        }
    });
    Effect::new(move |_| board.keep_time());
    let chip_bar = NodeRef::<html::Div>::new();
    place::remember(board, columns, current);
    place::follow_chip(chip_bar, current);
    keyboard::listen(board, ui);
    let last = expect_context::<LastBoard>();
    Effect::new(move |_| {
        board.summary.with_value(|summary| {
            last.0.set(board.view.with(|view| address(summary, view)));
            dom::remember_for_server(LEFT_BOARD, &summary.slug);
        });
    });
    Effect::new(move |_| kept::keep(board));
    new_card.board.set_value(board.summary.with_value(|summary| summary.slug.clone()));
    new_card.created.set_value(Some(Callback::new(move |card| board.accept(card))));
    on_cleanup(move || {
        new_card.created.try_set_value(None);
    });
    let edited = Callback::new(move |card| board.accept(card));
    let list = board.columns.get_value();
    let chips = list.iter().map(|column| chip(board, *column, columns, current)).collect_view();
    let list = list.into_iter().map(|column| column::column_view(board, ui, column)).collect_view();
    // Its code is fetched, which the server does not wait for.
    let archived = RwSignal::new(false);
    Effect::new(move |_| {
        new_card.profiles.set_value(board.around.with(|around| around.profiles.clone()));
        archived.set(board.summary.with_value(|summary| summary.archived_at.is_some()));
    });
    let plain_and_empty = move || board.is_empty() && !archived.get() && !board.view.with(BoardView::is_filtered);
    view! {
        <Title text=board.summary.with_value(|summary| summary.name.clone()) />
        <div
            class="board"
            class:is-compact=move || ui.compact.get()
            class:is-loading=move || board.loading.get()
            class:is-selecting=move || !board.selection.read().is_empty()
            node_ref=ui.root
        >
            {head::head(board, ui)}
            <div class="col-chips" node_ref=chip_bar role="group" aria-label=t::kanban_columns()>{chips}</div>
            <div class="columns-box">
                {shown_while(move || archived.get(), move || later(extra(Extra::Archived(board))))}
                // With no card to step to, the keyboard scrolls the columns themselves.
                <div class="columns" node_ref=columns tabindex=move || board.is_empty().then_some("0")>{list}</div>
                {shown_while(plain_and_empty, move || view! {
                    <div class="board-empty">
                        <EmptyState title=t::kanban_empty_board() hint=t::kanban_empty_board_hint()>
                            <Button kind=ButtonKind::Primary on_press=Callback::new(move |()| new_card.open.set(true))>{t::kanban_new_card()}</Button>
                        </EmptyState>
                    </div>
                }.into_any())}
            </div>
            {shown_while(move || !board.selection.read().is_empty() || board.carried.read().is_some(), move || later(head::more(board, ui, true)))}
            {shown_while(move || ui.peek.read().is_some(), move || later(extra(Extra::Peek(board, ui))))}
            <p class="visually-hidden" role="status" aria-live="assertive">{move || board.announced.get()}</p>
        </div>
        <menu::BoardMenu board ui />
        <forms::FormDialog board ui />
        <EditDialog open=ui.edit_open card=ui.edit on_saved=edited />
    }
}

/// What the address of a board calls it; nothing for the usual one.
fn slug_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/board")?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

/// Where a view of a board is shown.
fn address(board: &BoardSummary, view: &BoardView) -> String {
    let query = view.to_query();
    format!("/board/{}{}{query}", board.slug, if query.is_empty() { "" } else { "?" })
}

/// Jumps to a column; on a phone also where a lifted card can be dropped.
fn chip(board: Board, column: model::Column, columns: NodeRef<html::Div>, current: RwSignal<CardState>) -> AnyView {
    let state = column.state;
    view! {
        <button
            type="button"
            class="col-chip"
            data-chip=state.as_str()
            aria-pressed=move || if current.get() == state { "true" } else { "false" }
            hidden=move || column::is_hidden(board, column)
            on:click=move |_| place::show(columns, state)
        >
            {words::state_name(state)}
            <span class="col-chip-count" class:is-over=move || column::is_over(board, column)>{move || column::counted(board, column)}</span>
        </button>
    }
    .into_any()
}
