//! What is wrong with the card, calmly, with what mends it.
use leptos::prelude::*;
use protocol::{CardDetail, CardState, DecisionId, DecisionKind, DiagnosisKind, Finding, Severity, WaitReason};

use super::model::CardPage;
use crate::features::kanban::recover::Step;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{Icon, Tone, icon};

/// One way to mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    Take(Step),
    Answer(DecisionId, DecisionKind),
    Edit,
    Settings,
}

/// Whether what a failed card asks is asked here, with the same answers and more.
pub fn asks_instead(detail: &CardDetail) -> bool {
    let failed = detail.decision.as_ref().is_some_and(|decision| decision.kind == DecisionKind::Failed);
    failed && detail.findings.iter().any(|finding| is_failure(finding.kind))
}

fn is_failure(kind: DiagnosisKind) -> bool {
    matches!(kind, DiagnosisKind::RepeatedFailures | DiagnosisKind::RepeatedCrashes)
}

/// All that is wrong, worst first.
pub fn banner(page: CardPage) -> AnyView {
    let found = Memo::new(move |_| {
        page.detail.with(|detail| {
            let asked = detail.decision.as_ref().map(|decision| (decision.id, decision.kind));
            (detail.findings.clone(), detail.card.state, asked, detail.runs_program)
        })
    });
    (move || {
        let (findings, state, asked, program) = found.get();
        (!findings.is_empty()).then(|| {
            let rows = findings.into_iter().map(|finding| row(page, finding, state, asked, program)).collect_view();
            view! { <section class="findings" aria-label=t::findings_title()>{rows}</section> }
        })
    })
    .into_any()
}

fn row(
    page: CardPage,
    finding: Finding,
    state: CardState,
    asked: Option<(DecisionId, DecisionKind)>,
    program: bool,
) -> AnyView {
    let failed = asked.filter(|(_, kind)| *kind == DecisionKind::Failed && is_failure(finding.kind));
    // Where nothing else on the page asks, the first is what one will do. The question's own page has the same answers.
    let main = failed.is_some();
    let remedies = remedies(finding.kind, state, asked, program);
    let remedies =
        remedies.into_iter().enumerate().map(|(place, remedy)| button(page, remedy, main && place == 0)).collect_view();
    let Finding { kind, count, since, about, .. } = finding;
    let since = move || words::ago(since, page.now.get());
    view! {
        <div class=format!("finding {}", tone(finding.severity).class())>
            <span class="finding-sign">{icon(Icon::Warning)}</span>
            <div class="finding-text">
                <p class="finding-what">{what(kind, count, &about)}</p>
                <p class="muted">{hint(kind, program)}</p>
                <p class="finding-meta">{severity(finding.severity)}" · "{since}</p>
            </div>
            <div class="finding-acts">{remedies}</div>
        </div>
    }
    .into_any()
}

fn remedies(
    kind: DiagnosisKind,
    state: CardState,
    asked: Option<(DecisionId, DecisionKind)>,
    program: bool,
) -> Vec<Remedy> {
    let steps: &[Step] = match kind {
        DiagnosisKind::RepeatedFailures | DiagnosisKind::RepeatedCrashes => &[Step::Retry, Step::Model, Step::Reassign],
        DiagnosisKind::Stranded | DiagnosisKind::UnknownProfile | DiagnosisKind::NoProvider => &[Step::Reassign],
        DiagnosisKind::BlockCycling => &[Step::Model, Step::Reassign],
        DiagnosisKind::HallucinatedCards => &[Step::Reclaim, Step::Retry, Step::Model, Step::Reassign],
        DiagnosisKind::PhantomReferences => &[Step::Retry],
        DiagnosisKind::OverBudget | DiagnosisKind::Unanswered | DiagnosisKind::TriageUnavailable => &[],
    };
    let steps = steps
        .iter()
        .filter(|step| Step::legal(state, true).contains(step) && step.suits(program))
        .map(|step| Remedy::Take(*step));
    let first = match kind {
        DiagnosisKind::NoProvider | DiagnosisKind::TriageUnavailable => Some(Remedy::Settings),
        DiagnosisKind::OverBudget => Some(Remedy::Edit),
        DiagnosisKind::Unanswered | DiagnosisKind::PhantomReferences => {
            asked.map(|(id, kind)| Remedy::Answer(id, kind))
        }
        _ => None,
    };
    first.into_iter().chain(steps).collect()
}

fn button(page: CardPage, remedy: Remedy, main: bool) -> AnyView {
    let class = if main { "btn btn-small btn-primary" } else { "btn btn-small" };
    match remedy {
        Remedy::Take(step) => view! {
            <button type="button" class=class aria-haspopup="dialog" on:click=move |_| page.recover.start(step)>{step.name()}</button>
        }
        .into_any(),
        Remedy::Answer(id, kind) => {
            view! { <a class="btn btn-small" href=format!("/d/{id}")>{words::ask_action(kind)}</a> }.into_any()
        }
        Remedy::Edit => view! {
            <button type="button" class="btn btn-small" on:click=move |_| page.editing.set(true)>{t::findings_change_budget()}</button>
        }
        .into_any(),
        Remedy::Settings => view! { <a class="btn btn-small" href="/settings">{t::findings_open_settings()}</a> }.into_any(),
    }
}

/// Whether the reason why a card does not start is what is wrong with it.
pub fn says_same(kind: DiagnosisKind, wait: &WaitReason) -> bool {
    matches!(
        (kind, wait),
        (DiagnosisKind::NoProvider, WaitReason::NoProvider)
            | (DiagnosisKind::UnknownProfile, WaitReason::UnknownProfile { .. })
    )
}

/// What is wrong, in a sentence; `about` is what it names.
#[must_use]
pub fn what(kind: DiagnosisKind, count: u32, about: &str) -> String {
    let count = i64::from(count);
    match kind {
        DiagnosisKind::RepeatedFailures => t::findings_failures(count),
        DiagnosisKind::RepeatedCrashes => t::findings_crashes(count),
        DiagnosisKind::Stranded => t::findings_stranded().to_owned(),
        DiagnosisKind::UnknownProfile => t::findings_unknown_profile().to_owned(),
        DiagnosisKind::NoProvider => t::findings_no_provider().to_owned(),
        DiagnosisKind::OverBudget => t::findings_over_budget().to_owned(),
        DiagnosisKind::Unanswered => t::findings_unanswered().to_owned(),
        DiagnosisKind::BlockCycling => t::findings_cycling(count),
        DiagnosisKind::HallucinatedCards => t::findings_invented(about),
        DiagnosisKind::PhantomReferences => t::findings_phantom(about),
        DiagnosisKind::TriageUnavailable => t::findings_triage(about),
    }
}

fn hint(kind: DiagnosisKind, program: bool) -> &'static str {
    match kind {
        _ if program && (is_failure(kind) || kind == DiagnosisKind::BlockCycling) => t::findings_program_hint(),
        DiagnosisKind::RepeatedFailures => t::findings_failures_hint(),
        DiagnosisKind::RepeatedCrashes => t::findings_crashes_hint(),
        DiagnosisKind::Stranded => t::findings_stranded_hint(),
        DiagnosisKind::UnknownProfile => t::findings_unknown_profile_hint(),
        DiagnosisKind::NoProvider => t::findings_no_provider_hint(),
        DiagnosisKind::OverBudget => t::findings_over_budget_hint(),
        DiagnosisKind::Unanswered => t::findings_unanswered_hint(),
        DiagnosisKind::BlockCycling => t::findings_cycling_hint(),
        DiagnosisKind::HallucinatedCards => t::findings_invented_hint(),
        DiagnosisKind::PhantomReferences => t::findings_phantom_hint(),
        DiagnosisKind::TriageUnavailable => t::findings_triage_hint(),
    }
}

/// How bad it is, in a word.
#[must_use]
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => t::findings_critical(),
        Severity::Error => t::findings_error(),
        Severity::Warning => t::findings_warning(),
    }
}

/// How bad it is, in a colour.
#[must_use]
pub fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Critical | Severity::Error => Tone::Danger,
        Severity::Warning => Tone::Warning,
    }
}
