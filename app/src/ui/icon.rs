//! Icons: strokes on a 24-pixel grid, each one path. They are decoration: the words beside them say the same.
use leptos::prelude::*;

/// A sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// A tray.
    Inbox,
    /// Columns.
    Board,
    /// A plus.
    Plus,
    /// Sliders.
    Settings,
    /// A cross.
    Close,
    /// An arrow to the start.
    Back,
    /// An arrow into a box.
    Move,
    /// A pencil.
    Edit,
    /// A box with a lid.
    Archive,
    /// A bin.
    Trash,
    /// A tick.
    Check,
    /// Three dots.
    More,
    /// A clock.
    Clock,
    /// A speech bubble.
    Comment,
    /// A chain.
    Link,
    /// A question.
    Question,
    /// An eye.
    Eye,
    /// A hand that stops.
    Stop,
    /// A triangle to play.
    Play,
    /// A circle, to be done.
    Circle,
    /// A dotted circle, an idea.
    Idea,
    /// A warning.
    Warning,
    /// A bot's head.
    Agent,
    /// Two sheets.
    Copy,
    /// An arrow out of the page.
    Open,
    /// An arrow down.
    Down,
    /// A terminal's prompt.
    Terminal,
    /// A magnifying glass.
    Search,
    /// A funnel.
    Filter,
    /// A label.
    Label,
    /// A paper clip.
    Clip,
    /// Arrows in a circle.
    Repeat,
    /// An arrow back.
    Undo,
    /// A chevron, for what opens.
    Chevron,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Inbox => {
                "M4 13h4.5a3.5 3.5 0 0 0 7 0H20M4 13v5a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-5L17.4 5.3A2 2 0 0 0 15.5 4h-7a2 2 0 0 0-1.9 1.3L4 13Z"
            }
            Self::Board => "M5 4h3.5v16H5zM10.25 4h3.5v10h-3.5zM15.5 4H19v13h-3.5z",
            Self::Plus => "M12 5v14M5 12h14",
            Self::Settings => {
                "M4 7h9m5 0h2M4 17h2m5 0h9M13 7a2.5 2.5 0 1 0 5 0 2.5 2.5 0 1 0-5 0ZM6 17a2.5 2.5 0 1 0 5 0 2.5 2.5 0 1 0-5 0Z"
            }
            Self::Close => "M6 6l12 12M18 6 6 18",
            Self::Back => "M15 5l-7 7 7 7",
            Self::Move => "M4 12h11m-4-5 5 5-5 5M20 5v14",
            Self::Edit => "M4 20l1-4L16 5l3 3L8 19l-4 1ZM13.5 7.5l3 3",
            Self::Archive => "M4 5h16v4H4zM5.5 9v10h13V9M10 13h4",
            Self::Trash => "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
            Self::Check => "M5 12.5l4.5 4.5L19 7.5",
            Self::More => "M6 12h.01M12 12h.01M18 12h.01",
            Self::Clock => "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 1 0 0-17ZM12 7.5V12l3 2",
            Self::Comment => {
                "M5 5h14a1.5 1.5 0 0 1 1.5 1.5v8A1.5 1.5 0 0 1 19 16h-7l-4.5 4V16H5a1.5 1.5 0 0 1-1.5-1.5v-8A1.5 1.5 0 0 1 5 5Z"
            }
            Self::Link => {
                "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-.8.7M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l.8-.7"
            }
            Self::Question => {
                "M9 9a3 3 0 1 1 4.2 2.7c-.8.4-1.2 1-1.2 1.8v.5M12 17.5h.01M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 1 0 0-17Z"
            }
            Self::Eye => "M3 12s3.3-6 9-6 9 6 9 6-3.3 6-9 6-9-6-9-6ZM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 1 0 0-5Z",
            Self::Stop => "M8.5 3.5h7l5 5v7l-5 5h-7l-5-5v-7zM12 8v5M12 16h.01",
            Self::Play => "M8 5.5v13l10.5-6.5z",
            Self::Circle => "M12 4.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 1 0 0-15Z",
            Self::Idea => {
                "M12 4.5v.01M17.3 6.7v.01M19.5 12v.01M17.3 17.3v.01M12 19.5v.01M6.7 17.3v.01M4.5 12v.01M6.7 6.7v.01"
            }
            Self::Warning => "M12 4 2.8 19.5h18.4zM12 10v4M12 16.8h.01",
            Self::Agent => {
                "M7 8h10a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2ZM12 8V4.5M9.5 12.5v1.5M14.5 12.5v1.5"
            }
            Self::Copy => "M9 9h10v11H9zM5 15V4h10",
            Self::Open => "M13 5h6v6M19 5l-8 8M10 6H5v13h13v-5",
            Self::Down => "M12 5v14M6 13l6 6 6-6",
            Self::Search => "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 1 0 0-13ZM15.5 15.5 20 20",
            Self::Filter => "M4 6h16M7 12h10M10 18h4",
            Self::Label => "M4 5v6.5l8 8 7-7-8-8H4ZM8 8.5h.01",
            Self::Clip => "M8 12.5l5.5-5.5a2.8 2.8 0 0 1 4 4L10 18.5a4.6 4.6 0 0 1-6.5-6.5L11 4.5",
            Self::Repeat => "M5 11a7 7 0 0 1 12-4l2 2M19 4v5h-5M19 13a7 7 0 0 1-12 4l-2-2M5 20v-5h5",
            Self::Undo => "M9 7 4.5 11.5 9 16M5 11.5h9a5 5 0 0 1 0 10h-2",
            Self::Chevron => "M6 9.5l6 6 6-6",
            Self::Terminal => "M4 5h16v14H4zM7.5 9.5 10.5 12l-3 2.5M12.5 15h4",
        }
    }
}

/// Draws a sign.
#[must_use]
pub fn icon(icon: Icon) -> AnyView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
            <path d=icon.path()></path>
        </svg>
    }
    .into_any()
}
