//! `hermes kanban diagnostics`: what is wrong on a board, and the commands that mend it.

use agent_core::kanban;
use protocol::{BoardSummary, CardRef, CardState, Diagnosis, DiagnosisKind, Severity};
use serde::Serialize;

use super::Cx;
use super::wording::{age, card_label, waits};
use crate::cli::error::CliError;
use crate::cli::output::{Style, one_line};

/// A diagnosis with its words.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    diagnosis: Diagnosis,
    title: String,
    detail: String,
    actions: Vec<Action>,
}

/// Something that mends it.
#[derive(Debug, Serialize)]
struct Action {
    label: &'static str,
    command: String,
}

pub(super) async fn run(cx: &Cx, severity: Option<Severity>, card: Option<CardRef>) -> Result<(), CliError> {
    let mut found = kanban::diagnostics(&cx.core, &cx.board).await?;
    if let Some(card) = card {
        let id = kanban::card(&cx.core, card).await?.id;
        found.retain(|diagnosis| diagnosis.card.id == id);
    }
    found.retain(|diagnosis| severity.is_none_or(|severity| diagnosis.severity <= severity));
    let now = cx.core.now_ms();
    let (board, _) = kanban::board_settings(&cx.core, &cx.board).await?;
    let told: Vec<Told> = found.into_iter().map(|diagnosis| tell(diagnosis, &board, now)).collect();
    if cx.out.is_json() {
        return cx.out.json(&told);
    }
    if told.is_empty() {
        return cx.out.line("Nothing is wrong.");
    }
    let rows: Vec<_> = told
        .iter()
        .map(|Told { diagnosis, title, detail, .. }| {
            let style = if diagnosis.severity == Severity::Warning { Style::Yellow } else { Style::Red };
            let what = if detail.is_empty() { title.clone() } else { format!("{title}: {detail}") };
            vec![
                (style, diagnosis.severity.to_string()),
                (Style::Bold, card_label(&diagnosis.card)),
                (Style::Plain, diagnosis.kind.to_string()),
                (Style::Dim, age(now.saturating_sub(diagnosis.since))),
                (Style::Plain, one_line(&format!("{} — {what}", diagnosis.card.title))),
            ]
        })
        .collect();
    cx.out.table(&["SEVERITY", "CARD", "WHAT", "SINCE", "TITLE"], &rows)?;
    match told.as_slice() {
        [one] => {
            for Action { label, command } in &one.actions {
                cx.out.hint(&format!("{label}: `{command}`"));
            }
        }
        _ => cx.out.hint("`diagnostics --card T-12` says what mends it; `show` says more about a card."),
    }
    Ok(())
}

fn tell(diagnosis: Diagnosis, board: &BoardSummary, now: i64) -> Told {
    let about = diagnosis.about.clone();
    let detail = if about.is_empty() { waits(&diagnosis.card, board, now).unwrap_or_default() } else { about };
    Told { title: title(&diagnosis), detail, actions: actions(&diagnosis), diagnosis }
}

fn title(diagnosis: &Diagnosis) -> String {
    let count = diagnosis.count;
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times in a row") };
    match diagnosis.kind {
        DiagnosisKind::RepeatedFailures => format!("failed {times}"),
        DiagnosisKind::RepeatedCrashes => format!("its worker died {times}"),
        DiagnosisKind::Stranded => "ready, but nothing starts it".to_owned(),
        DiagnosisKind::UnknownProfile => "nobody here can work on it".to_owned(),
        DiagnosisKind::NoProvider => "no model is set up".to_owned(),
        DiagnosisKind::OverBudget => "its budget is spent".to_owned(),
        DiagnosisKind::Unanswered => "nobody has answered for a day".to_owned(),
        DiagnosisKind::BlockCycling => format!("asked {count} times within a day"),
        DiagnosisKind::HallucinatedCards => "its worker named cards that it did not make".to_owned(),
        DiagnosisKind::PhantomReferences => "its result names cards that do not exist".to_owned(),
        DiagnosisKind::TriageUnavailable => "no model could be asked about it".to_owned(),
    }
}

/// What mends it, the likeliest first.
fn actions(diagnosis: &Diagnosis) -> Vec<Action> {
    let card = card_label(&diagnosis.card);
    let act = |label, rest: &str| {
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        Action { label, command: format!("hermes kanban {verb} {card} {rest}").trim_end().to_owned() }
    };
    let doctor = || Action { label: "see what is missing", command: "hermes doctor".to_owned() };
    let again = || match diagnosis.card.state {
        CardState::Running => act("take it back; another attempt follows", "reclaim"),
        CardState::Blocked | CardState::Review => act("answer it", "unblock --reason TEXT"),
        CardState::Done => act("run it again", "move ready"),
        _ => act("tell the next attempt something", "comment TEXT"),
    };
    let model = || act("use another model", "set-model MODEL");
    let profile = || act("give it to another", "reassign PROFILE");
    match diagnosis.kind {
        DiagnosisKind::RepeatedFailures | DiagnosisKind::RepeatedCrashes => {
            vec![act("see what it said", "log"), again(), model(), profile()]
        }
        DiagnosisKind::Stranded | DiagnosisKind::NoProvider => vec![doctor(), profile()],
        DiagnosisKind::UnknownProfile => vec![profile()],
        DiagnosisKind::OverBudget => {
            vec![act("allow more money", "edit --max-cost DOLLARS"), act("allow more tokens", "edit --max-tokens N")]
        }
        DiagnosisKind::Unanswered => vec![again()],
        DiagnosisKind::BlockCycling => vec![act("say what is wanted", "edit --body TEXT"), model(), profile()],
        DiagnosisKind::HallucinatedCards => vec![act("see what it said", "log"), again(), model(), profile()],
        DiagnosisKind::PhantomReferences => {
            let mend = act("correct its result", "edit --result TEXT");
            if diagnosis.card.state == CardState::Done { vec![mend, again()] } else { vec![again()] }
        }
        DiagnosisKind::TriageUnavailable => {
            vec![doctor(), act("ask again", "specify"), act("have it taken apart", "decompose")]
        }
    }
}
