//! The verbs, within reach of a thumb: the main one on the right, the other one on the left.
use leptos::html;
use leptos::prelude::*;
use protocol::{DecisionKind, DecisionState, DecisionVerb, ErrorCode};

use super::desk::{Desk, draft, keep_draft};
use super::settled::Settled;
use super::words::verb_word;
use crate::features::kanban::{Extra, Recover, Step, extra};
use crate::i18n::t;
use crate::ui::{Dialog, Drafts, Overlays, dom, later};

/// What is about to be sent: chips that were picked, and words.
#[derive(Clone, Copy)]
struct Reply {
    picked: RwSignal<Vec<String>>,
    text: RwSignal<String>,
    area: NodeRef<html::Textarea>,
}

impl Reply {
    fn new(desk: Desk) -> Self {
        let reply =
            Self { picked: RwSignal::new(Vec::new()), text: RwSignal::new(String::new()), area: NodeRef::new() };
        let id = desk.view.read_untracked().id;
        Effect::new(move |ran: Option<()>| {
            if ran.is_none() {
                reply.text.set(draft(id));
            } else {
                keep_draft(id, &reply.text.read());
            }
            reply.text.track();
        });
        let open = move || desk.view.read().state == DecisionState::Open;
        expect_context::<Drafts>().hold(Signal::derive(move || open() && !reply.text.read().trim().is_empty()));
        reply
    }

    fn toggle(self, option: &str, many: bool) {
        self.picked.update(|picked| match picked.iter().position(|other| other == option) {
            Some(place) => {
                picked.remove(place);
            }
            None if many => picked.push(option.to_owned()),
            None => *picked = vec![option.to_owned()],
        });
    }

    fn is_empty(self) -> bool {
        self.picked.read().is_empty() && self.text.read().trim().is_empty()
    }

    /// The comment the worker will read.
    fn comment(self) -> String {
        let picked = self.picked.read_untracked().join(". ");
        let text = self.text.read_untracked();
        match (picked.is_empty(), text.trim()) {
            (true, text) => text.to_owned(),
            (false, "") => picked,
            (false, text) => [&picked, "\n\n", text].concat(),
        }
    }
}

/// What can be done with the decision, or what became of it.
#[component]
pub(super) fn Bar(desk: Desk) -> impl IntoView {
    let open = Memo::new(move |_| {
        let view = desk.view.read();
        (view.state == DecisionState::Open).then(|| (view.version, view.kind, view.options.clone()))
    });
    view! {
        <footer class="decision-bar">
            <div class="decision-bar-inner">
                <Problem desk />
                {move || match open.get() {
                    None => view! { <Settled desk /> }.into_any(),
                    Some((_, DecisionKind::Question, options)) => view! { <Question desk options /> }.into_any(),
                    Some((_, DecisionKind::Review, _)) => view! { <Review desk /> }.into_any(),
                    Some((_, kind, _)) => view! { <Again desk kind /> }.into_any(),
                }}
            </div>
        </footer>
    }
}

/// Why the last try did not work.
#[component]
fn Problem(desk: Desk) -> impl IntoView {
    move || {
        desk.failed.get().map(|error| {
            let text = if error.code == ErrorCode::Network { t::decisions_unreachable().to_owned() } else { error.message };
            view! {
                <p class="decision-problem" role="alert">
                    <span>{text}</span>
                    <button type="button" class="btn btn-small" on:click=move |_| desk.refresh()>{t::common_retry()}</button>
                </p>
            }
        })
    }
}

/// One verb's button.
#[component]
fn Verb(
    desk: Desk,
    /// What it says.
    label: &'static str,
    /// The main one.
    #[prop(optional)]
    main: bool,
    /// The key that does the same.
    #[prop(optional)]
    key: &'static str,
    /// Not yet.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    on_press: impl Fn() + 'static,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="btn btn-tall"
            class:btn-primary=main
            class:is-busy=move || main && desk.busy.get()
            disabled=move || disabled.get() || !desk.can_act()
            aria-keyshortcuts=(!key.is_empty()).then_some(key)
            on:click=move |_| on_press()
        >
            {label}
            {(!key.is_empty()).then(|| view! { <kbd class="wide-only" aria-hidden="true">{key}</kbd> })}
        </button>
    }
}

/// Approve on the right; Send back asks for the reason first.
#[component]
fn Review(desk: Desk) -> impl IntoView {
    let back = RwSignal::new(false);
    let reply = Reply::new(desk);
    let approve = move || desk.settle(DecisionVerb::Approve, String::new());
    let ask_reason = move || {
        back.set(true);
        focus_on_desk(reply);
    };
    on_key(move |key| match key {
        "a" if !back.get_untracked() => approve(),
        "s" if !back.get_untracked() && untrack(|| desk.can_act()) => ask_reason(),
        "Escape" => back.set(false),
        _ => {}
    });
    let (yes, no) = (verb_word(DecisionVerb::Approve), verb_word(DecisionVerb::SendBack));
    view! {
        <Show
            when=move || back.get()
            fallback=move || view! {
                <div class="verbs">
                    <Verb desk label=no key="S" on_press=ask_reason />
                    <Verb desk label=yes key="A" main=true on_press=approve />
                </div>
            }
        >
            <SendBack desk reply back label=no />
        </Show>
    }
}

/// Chips for the usual reasons, and room for words.
#[component]
fn SendBack(desk: Desk, reply: Reply, back: RwSignal<bool>, label: &'static str) -> impl IntoView {
    let reasons = [
        t::decisions_reason_missing(),
        t::decisions_reason_broken(),
        t::decisions_reason_other(),
        t::decisions_reason_tests(),
    ];
    let send = move || {
        if !untrack(|| reply.is_empty()) {
            desk.settle(DecisionVerb::SendBack, reply.comment());
        }
    };
    view! {
        <Chips reply options=reasons.map(str::to_owned).to_vec() many=true label=t::decisions_reasons() />
        <Words reply label=t::decisions_comment() placeholder=t::decisions_comment_hint() on_send=send />
        <div class="verbs">
            <button type="button" class="btn btn-tall" on:click=move |_| back.set(false)>{t::common_cancel()}</button>
            <Verb desk label main=true disabled=Signal::derive(move || reply.is_empty()) on_press=send />
        </div>
    }
}

/// Suggested answers, room for another one.
#[component]
fn Question(desk: Desk, options: Vec<String>) -> impl IntoView {
    let reply = Reply::new(desk);
    let send = move || {
        if !untrack(|| reply.is_empty()) {
            desk.settle(DecisionVerb::Answer, reply.comment());
        }
    };
    let archive = move || desk.settle(DecisionVerb::Archive, String::new());
    let placeholder = if options.is_empty() { t::decisions_answer_hint() } else { t::decisions_answer_more() };
    view! {
        {(!options.is_empty()).then(|| view! { <Chips reply options many=false label=t::decisions_options() /> })}
        <Words reply label=t::decisions_answer() placeholder on_send=send />
        <div class="verbs">
            <Verb desk label=verb_word(DecisionVerb::Archive) on_press=archive />
            <Verb desk label=verb_word(DecisionVerb::Answer) main=true
                disabled=Signal::derive(move || reply.is_empty()) on_press=send />
        </div>
    }
}

/// Try again, or put it away; after failures also with another profile or another model.
#[component]
fn Again(desk: Desk, kind: DecisionKind) -> impl IntoView {
    let settle = move |verb| move || desk.settle(verb, String::new());
    let recover = Recover::new();
    let start = move |step| move || recover.start(step);
    let (card, program) = desk.view.with_untracked(|view| (view.card.id, view.runs_program));
    let title = Signal::derive(move || recover.step.get().title());
    let done = Callback::new(move |_| {
        recover.open.set(false);
        desk.retried();
    });
    view! {
        {(kind == DecisionKind::Failed).then(|| view! {
            <div class="verbs">
                <Verb desk label=Step::RetryAs.name() on_press=start(Step::RetryAs) />
                {Step::RetryWith.suits(program).then(|| view! {
                    <Verb desk label=Step::RetryWith.name() on_press=start(Step::RetryWith) />
                })}
            </div>
            <Dialog open=recover.open title>{later(extra(Extra::Recover(card, recover.step.get_untracked(), done)))}</Dialog>
        })}
        <div class="verbs">
            <Verb desk label=verb_word(DecisionVerb::Archive) on_press=settle(DecisionVerb::Archive) />
            <Verb desk label=verb_word(DecisionVerb::Retry) main=true on_press=settle(DecisionVerb::Retry) />
        </div>
    }
}

#[component]
fn Chips(reply: Reply, options: Vec<String>, many: bool, label: &'static str) -> impl IntoView {
    let chips = options
        .into_iter()
        .map(|option| {
            let (pressed, toggled) = (option.clone(), option.clone());
            view! {
                <button
                    type="button"
                    class="choice"
                    aria-pressed=move || if reply.picked.read().contains(&pressed) { "true" } else { "false" }
                    on:click=move |_| reply.toggle(&toggled, many)
                >
                    {option}
                </button>
            }
        })
        .collect_view();
    view! { <div class="choices" role="group" aria-label=label>{chips}</div> }
}

/// Free words. ⌘ or Ctrl with Enter sends.
#[component]
fn Words(reply: Reply, label: &'static str, placeholder: &'static str, on_send: impl Fn() + 'static) -> impl IntoView {
    view! {
        <div class="field">
            <textarea
                node_ref=reply.area
                dir="auto"
                rows="2"
                aria-label=label
                placeholder=placeholder
                enterkeyhint="enter"
                bind:value=reply.text
                on:keydown=move |event| {
                    let chord = (event.meta_key() || event.ctrl_key()) && event.key() == "Enter";
                    if chord && !event.is_composing() {
                        event.prevent_default();
                        on_send();
                    }
                }
            ></textarea>
        </div>
    }
}

/// With a real keyboard, writing can begin at once; on a phone the keyboard would cover the chips.
fn focus_on_desk(reply: Reply) {
    request_animation_frame(move || {
        if let Some(area) =
            reply.area.try_get_untracked().flatten().filter(|_| dom::matches("(hover: hover) and (pointer: fine)"))
        {
            dom::focus(&area);
        }
    });
}

/// Single keys, while nobody types and nothing lies over the page.
fn on_key(act: impl Fn(&str) + Copy + Send + Sync + 'static) {
    let overlays = expect_context::<Overlays>();
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            let plain = !(event.meta_key() || event.ctrl_key() || event.alt_key() || event.repeat());
            let escape = event.key() == "Escape";
            if plain && !overlays.any() && (escape || !dom::is_typing()) {
                act(&if escape { event.key() } else { event.key().to_lowercase() });
            }
        });
        on_cleanup(move || handle.remove());
    });
}
