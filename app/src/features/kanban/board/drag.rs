//! Dragging.
use super::model::Board;
use leptos::{html, prelude::*};
/// Attaches.
pub fn attach(board: Board, root: NodeRef<html::Div>) {
    let _ = (board, root);
}
