//! Where the branch stands, and merging it.
use leptos::prelude::*;
use leptos::task::spawn_local;
use protocol::{MergeCardParams, MergeState, MergeVerdict};

use super::Desk;
use super::server_fns::merge_card;
use crate::i18n::t;
use crate::ui::{Button, ButtonKind, Icon, Toasts, icon};

/// The branch, what it would be merged into, and whether it can.
#[component]
pub(super) fn Merge(desk: Desk) -> impl IntoView {
    let state =
        Memo::new(move |_| desk.evidence.with(|found| found.as_ref().and_then(|found| found.changes.merge.clone())));
    move || state.get().map(|state| merge_view(desk, state))
}

fn merge_view(desk: Desk, state: MergeState) -> AnyView {
    let toasts = expect_context::<Toasts>();
    let busy = RwSignal::new(false);
    let commit = state.verdict == MergeVerdict::Uncommitted;
    let kind = if desk.outranked.get() { ButtonKind::Secondary } else { ButtonKind::Primary };
    let can = commit || state.verdict == MergeVerdict::Ready;
    let press = Callback::new(move |()| {
        busy.set(true);
        spawn_local(async move {
            match merge_card(MergeCardParams { id: desk.card, commit }).await {
                Ok(outcome) => toasts.say(t::review_merged_toast(&outcome.target)),
                Err(error) => toasts.fail(error.message),
            }
            busy.try_set(false);
            desk.look();
        });
    });
    let label = if commit { t::review_commit_and_merge(&state.target) } else { t::review_merge(&state.target) };
    let (tone, sign) = match state.verdict {
        MergeVerdict::Ready | MergeVerdict::Merged => ("is-success", Icon::Check),
        MergeVerdict::Empty | MergeVerdict::Working | MergeVerdict::Uncommitted => ("is-neutral", Icon::Circle),
        _ => ("is-warning", Icon::Warning),
    };
    let mut facts = vec![t::review_branches(&state.branch, &state.target)];
    if state.ahead > 0 {
        facts.push(t::review_ahead(i64::from(state.ahead)));
    }
    if state.behind > 0 && state.verdict != MergeVerdict::Merged {
        facts.push(t::review_behind(i64::from(state.behind), &state.target));
    }
    if state.pushed {
        facts.push(t::review_pushed().to_owned());
    }
    view! {
        <div class="merge">
            <div class="merge-text">
                <p class=format!("merge-verdict {tone}")><span class="icon-s">{icon(sign)}</span>{verdict(&state)}</p>
                <p class="muted merge-facts">{facts.join(" · ")}</p>
            </div>
            {can.then(|| view! { <Button kind busy on_press=press>{label}</Button> })}
        </div>
    }
    .into_any()
}

fn verdict(state: &MergeState) -> String {
    match state.verdict {
        MergeVerdict::Ready => t::review_merge_ready().to_owned(),
        MergeVerdict::Merged => t::review_merge_merged(&state.target),
        MergeVerdict::Empty => t::review_merge_empty().to_owned(),
        MergeVerdict::Uncommitted => t::review_merge_uncommitted(i64::from(state.uncommitted)),
        MergeVerdict::Conflicts => {
            let shown: Vec<&str> = state.conflicts.iter().take(3).map(String::as_str).collect();
            let more = if state.conflicts.len() > shown.len() { " …" } else { "" };
            t::review_merge_conflicts(&state.target, &format!("{}{more}", shown.join(", ")))
        }
        MergeVerdict::TargetDirty => t::review_merge_target_dirty(&state.target),
        MergeVerdict::TargetDetached => t::review_merge_target_detached().to_owned(),
        MergeVerdict::OtherBranch => t::review_merge_other_branch(&state.branch),
        MergeVerdict::Working => t::review_merge_working().to_owned(),
    }
}
