//! Dialogs about boards: a new one, what is set on one, and those that were put away.
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use protocol::{BOARD_COLORS, BoardSettings, UndoId};

use crate::features::kanban::board::BoardUi;
use crate::features::kanban::board::model::Board;
use crate::features::kanban::server_fns::{
    archive_board, create_board, edit_board, read_board_settings, read_boards, restore_board,
};
use crate::features::kanban::{take_back, words};
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, CheckField, ErrorState, SelectField, TextArea, TextField, Toasts, skeleton_rows};

/// A board's short name as people would make it from its name.
fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for c in name.trim().to_lowercase().chars() {
        let plain = plain_letters(c);
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !plain.is_empty() {
            slug.push_str(plain);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').chars().take(64).collect()
}

/// A small letter with a mark as people write it without; empty for what has no such form.
fn plain_letters(c: char) -> &'static str {
    match c {
        'ä' | 'æ' => "ae",
        'ö' | 'œ' | 'ø' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'þ' => "th",
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'ğ' | 'ģ' => "g",
        'ì'..='ï' | 'ī' | 'į' | 'ı' => "i",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='õ' | 'ō' | 'ő' => "o",
        'ŕ' | 'ř' => "r",
        'ś' | 'ş' | 'š' | 'ș' => "s",
        'ţ' | 'ť' | 'ț' => "t",
        'ù'..='û' | 'ū' | 'ů' | 'ű' | 'ų' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => "",
    }
}

/// A new board.
pub(super) fn new_board(ui: BoardUi) -> AnyView {
    let (name, slug) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let (problem, busy) = (RwSignal::new(String::new()), RwSignal::new(false));
    Effect::new(move |before: Option<String>| {
        let made = slug_of(&name.read());
        // Until somebody writes another one, the short name follows the name.
        if before.is_none_or(|before| before == *slug.read_untracked()) {
            slug.set(made.clone());
        }
        made
    });
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        busy.set(true);
        spawn_local(async move {
            let answer = create_board(slug.get_untracked(), name.get_untracked()).await;
            busy.try_set(false);
            match answer {
                Ok(board) => {
                    ui.open_board(&board.slug);
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    };
    view! {
        <form class="dialog-body" on:submit=submit>
            <p class="hint">{t::kanban_board_hint()}</p>
            <TextField label=t::kanban_board_name() value=name autofocus=true />
            <TextField label=t::kanban_board_slug() value=slug error=problem hint=t::kanban_board_slug_hint() />
            <div class="dialog-foot btn-row"><Button kind=ButtonKind::Primary submit=true busy>{t::kanban_create_board()}</Button></div>
        </form>
    }
    .into_any()
}

/// A number as people leave it: empty is none. `Err` when it is no whole number from the least.
fn number(text: &str, least: u32) -> Result<Option<u32>, ()> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().ok().filter(|number| *number >= least).map(Some).ok_or(()),
    }
}

fn text_of(number: Option<u32>) -> RwSignal<String> {
    RwSignal::new(number.map(|number| number.to_string()).unwrap_or_default())
}

/// What is set on this board.
pub(super) fn settings(board: Board, ui: BoardUi) -> AnyView {
    let slug = board.summary.with_value(|summary| summary.slug.clone());
    let settings = LocalResource::new(move || read_board_settings(slug.clone()));
    let retry = Callback::new(move |()| settings.refetch());
    let form = move || {
        Suspend::new(async move {
            match settings.await {
                Ok(settings) => settings_form(board, ui, settings),
                Err(error) => view! { <ErrorState error retry /> }.into_any(),
            }
        })
    };
    view! { <Suspense fallback=move || view! { <div class="dialog-body">{skeleton_rows(4)}</div> }>{form}</Suspense> }
        .into_any()
}

fn color_name(color: &str) -> &str {
    match color {
        "blue" => t::kanban_color_blue(),
        "green" => t::kanban_color_green(),
        "amber" => t::kanban_color_amber(),
        "red" => t::kanban_color_red(),
        "violet" => t::kanban_color_violet(),
        "teal" => t::kanban_color_teal(),
        "gray" => t::kanban_color_gray(),
        other => other,
    }
}

fn settings_form(board: Board, ui: BoardUi, old: BoardSettings) -> AnyView {
    let toasts = expect_context::<Toasts>();
    let summary = board.summary.get_value();
    let (name, icon) = (RwSignal::new(old.name.clone()), RwSignal::new(old.icon.clone()));
    let description = RwSignal::new(old.description.clone());
    let dir = RwSignal::new(old.default_dir.clone().unwrap_or_default());
    let orchestrator = RwSignal::new(old.orchestrator.clone().unwrap_or_default());
    let (slots_wrong, review_wrong, blocked_wrong) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let (slots, review, blocked) = (text_of(old.slots), text_of(old.review_limit), text_of(old.blocked_limit));
    let auto = RwSignal::new(old.auto_decompose);
    let (problem, busy) = (RwSignal::new(String::new()), RwSignal::new(false));
    let color = RwSignal::new(old.color.clone());
    let mut colors = vec![(String::new(), t::kanban_color_none().to_owned())];
    colors.extend(BOARD_COLORS.iter().map(|color| ((*color).to_owned(), color_name(color).to_owned())));
    if !colors.iter().any(|(color, _)| *color == old.color) {
        colors.push((old.color.clone(), old.color.clone()));
    }
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let mut numbers = [None; 3];
        // Without a slot the board stands still; a warning above nothing would always be there.
        let fields = [
            (slots, slots_wrong, 0, t::kanban_whole_number_from_0()),
            (review, review_wrong, 1, t::kanban_whole_number()),
            (blocked, blocked_wrong, 1, t::kanban_whole_number()),
        ];
        for (at, (field, wrong, least, refusal)) in fields.into_iter().enumerate() {
            match number(&field.read_untracked(), least) {
                Ok(number) => {
                    numbers[at] = number;
                    wrong.set(String::new());
                }
                Err(()) => wrong.set(refusal.to_owned()),
            }
        }
        if [slots_wrong, review_wrong, blocked_wrong].iter().any(|wrong| !wrong.read_untracked().is_empty()) {
            return;
        }
        let [slots, review_limit, blocked_limit] = numbers;
        let some = |text: RwSignal<String>| Some(text.get_untracked()).filter(|text| !text.trim().is_empty());
        let settings = BoardSettings {
            name: name.get_untracked(),
            description: description.get_untracked(),
            icon: icon.get_untracked(),
            color: color.get_untracked(),
            default_dir: some(dir),
            slots,
            review_limit,
            blocked_limit,
            auto_decompose: auto.get_untracked(),
            orchestrator: some(orchestrator),
        };
        busy.set(true);
        spawn_local(async move {
            let answer = edit_board(summary.id, settings).await;
            busy.try_set(false);
            match answer {
                Ok(written) => {
                    board.summary.try_set_value(written.board);
                    ui.form_open.try_set(false);
                    match written.undo {
                        Some(undo) => board.offer_undo(t::kanban_board_saved().to_owned(), undo),
                        None => toasts.say(t::kanban_board_saved()),
                    }
                    if !board.is_gone() {
                        board.reload(0);
                    }
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    };
    let slug = summary.slug.clone();
    let navigate = use_navigate();
    let put_away = move || {
        let (slug, navigate) = (slug.clone(), navigate.clone());
        spawn_local(async move {
            match archive_board(slug).await {
                Ok(gone) => {
                    ui.open_board("default");
                    let back_to = format!("/board/{}", gone.board.slug);
                    let go = move || navigate(&back_to, NavigateOptions::default());
                    say_moved(toasts, t::kanban_board_archived(&gone.board.name), gone.undo, go);
                }
                Err(error) => {
                    problem.try_set(error.message);
                }
            }
        });
    };
    let is_default = summary.slug == "default";
    view! {
        <form class="dialog-body" on:submit=submit>
            <div class="field-pair">
                <TextField label=t::kanban_board_name() value=name />
                <TextField label=t::kanban_board_icon() value=icon />
            </div>
            <SelectField label=t::kanban_board_color() value=color options=colors />
            <TextArea label=t::kanban_board_description() value=description rows=2 />
            <TextField label=t::kanban_board_dir() value=dir placeholder="/home/you/project" hint=t::kanban_board_dir_hint() />
            <div class="field-pair">
                <TextField label=t::kanban_board_slots() value=slots kind="number" hint=t::kanban_board_slots_hint() error=slots_wrong />
                <TextField label=t::kanban_board_orchestrator() value=orchestrator />
            </div>
            <div class="field-pair">
                <TextField label=t::kanban_review_limit() value=review kind="number" error=review_wrong />
                <TextField label=t::kanban_blocked_limit() value=blocked kind="number" error=blocked_wrong />
            </div>
            <CheckField label=t::kanban_auto_decompose() value=auto />
            <p class="field-error" role="alert">{move || problem.get()}</p>
            <div class="dialog-foot btn-row">
                {(!is_default).then(|| view! {
                    <Button kind=ButtonKind::Quiet on_press=Callback::new(move |()| put_away())>{t::kanban_archive_board()}</Button>
                })}
                <Button kind=ButtonKind::Primary submit=true busy>{t::common_save()}</Button>
            </div>
        </form>
    }
    .into_any()
}

/// Says that a board was put away or brought back, and offers to take it back. `go` leads to where one sees that it was:
/// what was on screen belongs to the board that is gone.
fn say_moved(toasts: Toasts, text: String, undo: Option<UndoId>, go: impl Fn() + Clone + Send + Sync + 'static) {
    let Some(undo) = undo else { return toasts.say(text) };
    let back = Callback::new(move |()| {
        let go = go.clone();
        spawn_local(async move {
            let Some(undone) = take_back(toasts, undo).await else { return };
            toasts.say(words::undone(&undone));
            // Nobody is led away from a page they have gone to meanwhile.
            if window().location().pathname().is_ok_and(|path| path.starts_with("/board")) {
                go();
            }
        });
    });
    toasts.undoable(text, undo, back);
}

/// Boards that were put away, each with a way back.
pub(super) fn archived(board: Board, ui: BoardUi) -> AnyView {
    let here = board.summary.with_value(|summary| format!("/board/{}", summary.slug));
    let navigate = use_navigate();
    let go = StoredValue::new(move || navigate(&here, NavigateOptions::default()));
    let boards = LocalResource::new(read_boards);
    let retry = Callback::new(move |()| boards.refetch());
    let (toasts, problem) = (expect_context::<Toasts>(), RwSignal::new(String::new()));
    let list = move || {
        Suspend::new(async move {
            let boards = match boards.await {
                Ok(boards) => boards,
                Err(error) => return view! { <ErrorState error retry /> }.into_any(),
            };
            let gone: Vec<_> = boards.into_iter().filter(|board| board.archived_at.is_some()).collect();
            if gone.is_empty() {
                return view! { <p class="hint">{t::kanban_no_archived_boards()}</p> }.into_any();
            }
            let row = move |board: protocol::BoardSummary| {
                let name = words::board_name(&board);
                let slug = StoredValue::new(board.slug);
                let restore = Callback::new(move |()| {
                    spawn_local(async move {
                        match restore_board(slug.get_value()).await {
                            Ok(back) => {
                                let go = go.try_get_value();
                                ui.open_board(&back.board.slug);
                                if let Some(go) = go {
                                    say_moved(toasts, t::kanban_board_restored(&back.board.name), back.undo, go);
                                }
                            }
                            Err(error) => {
                                problem.try_set(error.message);
                            }
                        }
                    });
                });
                view! {
                    <li class="link-row">
                        <span class="link-title"><span class="board-dot" data-color=board.color></span>{name}</span>
                        <Button kind=ButtonKind::Quiet on_press=restore>{t::kanban_restore()}</Button>
                    </li>
                }
            };
            view! {
                <ul class="link-list">{gone.into_iter().map(row).collect_view()}</ul>
                <p class="field-error" role="alert">{move || problem.get()}</p>
            }
            .into_any()
        })
    };
    view! { <div class="dialog-body"><Suspense fallback=move || skeleton_rows(2)>{list}</Suspense></div> }.into_any()
}

/// What is said above a board that was put away.
pub fn archived_notice(board: Board) -> AnyView {
    let toasts = board.toasts;
    let restore = Callback::new(move |()| {
        let slug = board.summary.with_value(|summary| summary.slug.clone());
        spawn_local(async move {
            match restore_board(slug).await {
                Ok(back) => {
                    if let Some(undo) = back.undo {
                        board.offer_undo(t::kanban_board_restored(&back.board.name), undo);
                    }
                    if !board.is_gone() {
                        board.reload(board.seq.get_value());
                    }
                }
                Err(error) => toasts.fail(error.message),
            }
        });
    });
    view! {
        <div class="board-note" role="status">
            <p>{t::kanban_is_archived()}</p>
            <Button kind=ButtonKind::Quiet on_press=restore>{t::kanban_restore()}</Button>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_gives_a_short_name() {
        assert_eq!(super::slug_of("  Home Lab — 2! "), "home-lab-2");
        assert_eq!(super::slug_of("日本"), "");
        assert_eq!(super::slug_of("Häuser & Straße"), "haeuser-strasse");
        assert_eq!(super::slug_of("Crème brûlée, Łódź"), "creme-brulee-lodz");
    }

    #[test]
    fn a_number_is_none_or_whole() {
        assert_eq!(super::number(" ", 0), Ok(None));
        assert_eq!(super::number(" 3 ", 1), Ok(Some(3)));
        assert_eq!(super::number("0", 0), Ok(Some(0)));
        for (text, least) in [("0", 1), ("-1", 0), ("1.5", 0), ("many", 0), ("99999999999", 0)] {
            assert_eq!(super::number(text, least), Err(()), "{text}");
        }
    }
}
