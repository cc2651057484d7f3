//! The front door: what every page needs to know, and where `/` leads.
use leptos::prelude::*;
use leptos_router::components::Redirect;
use protocol::UserId;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::json::Json;

/// What the frame around every page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeState {
    /// Open decisions.
    pub inbox: i64,
    /// Who is signed in.
    pub viewer: UserId,
}

/// What the frame around every page shows.
#[server(endpoint = "home/state", input = Json)]
pub async fn read_home() -> Result<HomeState, ApiError> {
    let cx = crate::ctx::ctx().await?;
    let inbox = agent_core::decisions::open_count(&cx.core).await?;
    Ok(HomeState { inbox, viewer: cx.viewer.id })
}

/// Whether the page is for a phone. The server asks the browser's name, the browser looks at its window.
fn in_hand() -> bool {
    #[cfg(feature = "ssr")]
    {
        crate::ctx::is_phone()
    }
    #[cfg(not(feature = "ssr"))]
    {
        !crate::ui::dom::is_wide()
    }
}

/// `/`: on a phone to what waits, if anything does; else to the board that was looked at last.
#[component]
pub fn HomePage() -> impl IntoView {
    let home = expect_context::<Resource<Option<HomeState>>>();
    let in_hand = in_hand();
    view! {
        <Suspense>
            {move || home.get().map(|home| {
                let waits = in_hand && home.is_some_and(|home| home.inbox > 0);
                view! { <Redirect path=if waits { "/inbox" } else { "/board" } /> }
            })}
        </Suspense>
    }
}
