//! Shared primitives. They know nothing of any feature and speak no sentence of their own beyond "Close" and "Undo".

mod button;
mod chip;
mod chooser;
mod clipboard;
mod dialog;
mod drafts;
mod field;
mod icon;
mod later;
mod menu;
mod overlay;
mod owed;
mod shown_while;
mod skeleton;
mod state;
mod toast;

pub mod dom;
pub mod keymap;
pub mod soft_keyboard;
pub mod time;

pub use button::{Button, ButtonKind};
pub use chip::{Chip, Tone};
pub use chooser::Chooser;
pub use clipboard::copy_text;
pub use dialog::{Dialog, DialogKind};
pub use drafts::Drafts;
pub use field::{CheckField, SelectField, TextArea, TextField, start_typing};
pub use icon::{Icon, icon};
pub use later::{later, missing_words, on_missing};
pub use menu::{Menu, MenuItem};
pub use overlay::Overlays;
pub use owed::Owed;
pub use shown_while::shown_while;
pub use skeleton::skeleton_rows;
pub use state::{EmptyState, ErrorPage, ErrorState};
pub use toast::{Toast, ToastRegion, Toasts};
