//! How arguments of server functions travel: as JSON. What cannot be read is answered with the field and what it must
//! be, never with names of Rust.
use serde::Serialize;
use serde::de::DeserializeOwned;
use server_fn::codec::Post;
use server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};

/// The input of every server function.
pub type Json = Post<Arguments>;

/// JSON arguments, read with an eye on who wrote them.
#[derive(Debug)]
pub struct Arguments;

impl ContentType for Arguments {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for Arguments {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for Arguments {
    type Error = serde_json::Error;

    fn encode(arguments: &T) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(arguments).map(Bytes::from)
    }
}

#[cfg(feature = "ssr")]
impl<T: DeserializeOwned> Decodes<T> for Arguments {
    type Error = String;

    fn decode(body: Bytes) -> Result<T, String> {
        agent_core::text::read_json(&body).map_err(read::why_not)
    }
}

/// The browser reads no arguments.
#[cfg(not(feature = "ssr"))]
impl<T: DeserializeOwned> Decodes<T> for Arguments {
    type Error = &'static str;

    fn decode(_: Bytes) -> Result<T, &'static str> {
        Err("")
    }
}

#[cfg(feature = "ssr")]
mod read {
    use agent_core::text::JsonProblem;
    use http::StatusCode;
    use leptos::prelude::use_context;
    use leptos_axum::ResponseOptions;

    use crate::i18n::t;

    /// The sentence that says why a body is no such arguments.
    pub(super) fn why_not(problem: JsonProblem) -> String {
        match problem {
            // No field can be named, because there are none.
            JsonProblem::NotJson { line, column } => {
                if let Some(options) = use_context::<ResponseOptions>() {
                    options.set_status(StatusCode::BAD_REQUEST);
                }
                t::error_not_json(&line.to_string(), &column.to_string())
            }
            JsonProblem::Field(said) => t::error_bad_field(&said),
        }
    }
}
