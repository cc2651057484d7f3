//! The map: the cards around the card in columns, from what comes first to what comes last, with lines between them.
//! Cards are ordinary links in ordinary lists, so keyboard, screen reader and both directions of writing work; only the
//! lines are drawn, from where the links turn out to stand.
use leptos::html;
use leptos::prelude::*;
use protocol::{CardGraph, CardId, CardLink, CardRef, GraphColumn, GraphEdge};
use web_sys::DomRect;

use crate::features::kanban::server_fns::read_graph;
use crate::features::kanban::words;
use crate::i18n::t;
use crate::ui::{ErrorState, icon, skeleton_rows};

/// The map of a card, read again when its links change.
pub fn view(card: CardId, changed: Signal<()>) -> AnyView {
    let graph = LocalResource::new(move || {
        changed.track();
        read_graph(CardRef::Id(card))
    });
    let retry = Callback::new(move |()| graph.refetch());
    view! {
        <Transition fallback=|| skeleton_rows(2)>
            {move || Suspend::new(async move {
                match graph.await {
                    Ok(graph) => map(card, graph),
                    Err(error) => view! { <ErrorState error retry /> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

fn map(own: CardId, graph: CardGraph) -> AnyView {
    let root = NodeRef::<html::Div>::new();
    let lines = RwSignal::new(Vec::<String>::new());
    let edges = StoredValue::new(graph.edges);
    let draw = move || {
        if let Some(Some(root)) = root.try_get_untracked() {
            lines.try_set(edges.with_value(|edges| edges.iter().filter_map(|edge| line(&root, edge)).collect()));
        }
    };
    Effect::new(move |_| {
        if root.get().is_some() {
            request_animation_frame(draw);
        }
    });
    let resized = window_event_listener(leptos::ev::resize, move |_| draw());
    on_cleanup(move || resized.remove());
    let count = |wanted: fn(i32) -> bool| {
        let columns = graph.columns.iter().filter(|column| wanted(column.level));
        columns.map(|column| column.cards.len() + column.more as usize).sum::<usize>().to_string()
    };
    let label = t::links_map(&count(|level| level < 0), &count(|level| level > 0));
    view! {
        <div class="map" role="group" aria-label=label>
            <div class="map-box" node_ref=root>
                <svg class="map-lines" aria-hidden="true">
                    {move || lines.get().into_iter().map(|line| view! { <path d=line></path> }).collect_view()}
                </svg>
                {graph.columns.into_iter().map(|shown| column(own, shown)).collect_view()}
            </div>
        </div>
    }
    .into_any()
}

fn column(own: CardId, column: GraphColumn) -> AnyView {
    let more = (column.more > 0).then(|| view! { <li class="map-more">{t::links_more(&column.more.to_string())}</li> });
    view! { <ul class="map-column">{column.cards.into_iter().map(|card| node(own, card)).collect_view()}{more}</ul> }
        .into_any()
}

fn node(own: CardId, card: CardLink) -> AnyView {
    let tone = words::state_tone(card.state).class();
    let here = card.id == own;
    let name = format!("{} {}, {}", words::label(card.number), card.title, words::state_name(card.state));
    let inner = view! {
        <span class="icon-s link-sign">{icon(words::state_icon(card.state))}</span>
        <span class="card-number">{words::label(card.number)}</span>
        <span class="map-title">{card.title}</span>
    };
    let id = card.id.to_string();
    let node = if here {
        view! { <span class=format!("map-node is-own {tone}") data-node=id aria-current="true" title=name>{inner}</span> }.into_any()
    } else {
        let href = format!("/card/{}", card.number);
        view! { <a class=format!("map-node {tone}") data-node=id href=href title=name.clone() aria-label=name>{inner}</a> }.into_any()
    };
    view! { <li>{node}</li> }.into_any()
}

/// A curve from the edge of one card to the edge of the other that faces it, whichever way the page is written.
fn line(root: &web_sys::Element, edge: &GraphEdge) -> Option<String> {
    let around = root.get_bounding_client_rect();
    let place = |id: CardId| -> Option<DomRect> {
        Some(root.query_selector(&format!("[data-node='{id}']")).ok()??.get_bounding_client_rect())
    };
    let (parent, child) = (place(edge.parent)?, place(edge.child)?);
    let forward = parent.left() <= child.left();
    let (x1, x2) = if forward { (parent.right(), child.left()) } else { (parent.left(), child.right()) };
    let (x1, x2) = (x1 - around.left(), x2 - around.left());
    let y1 = parent.top() + parent.height() / 2.0 - around.top();
    let y2 = child.top() + child.height() / 2.0 - around.top();
    let middle = f64::midpoint(x1, x2);
    Some(format!("M{x1:.1} {y1:.1}C{middle:.1} {y1:.1} {middle:.1} {y2:.1} {x2:.1} {y2:.1}"))
}
