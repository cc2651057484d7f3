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
        // Nearly always enough; only what fails is read again, more slowly, for the reason.
        serde_json::from_slice(&body).or_else(|_| read::why_not(&body))
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
    use agent_core::text::{Notation, misread};
    use http::StatusCode;
    use leptos::prelude::use_context;
    use leptos_axum::ResponseOptions;
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use crate::i18n::t;

    /// The sentence that says why a body is no such arguments; in the unlikely case that it is, the arguments.
    pub(super) fn why_not<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            // No field can be named, because there are none.
            if let Some(options) = use_context::<ResponseOptions>() {
                options.set_status(StatusCode::BAD_REQUEST);
            }
            tracing::debug!(%error, "a request is not JSON");
            t::error_not_json(&error.line().to_string(), &error.column().to_string())
        })?;
        serde_path_to_error::deserialize(&value).map_err(|error| {
            let path = error.path().to_string();
            t::error_bad_field(&misread(&path, &error.inner().to_string(), Notation::Json))
        })
    }

    #[cfg(test)]
    mod tests {
        use protocol::{CreateCardParams, MoveCardParams};
        use serde::Deserialize;

        use super::why_not;

        #[derive(Debug, Deserialize)]
        #[allow(dead_code, reason = "only read")]
        struct Create {
            params: CreateCardParams,
        }

        #[derive(Debug, Deserialize)]
        #[allow(dead_code, reason = "only read")]
        struct Move {
            params: MoveCardParams,
        }

        #[test]
        fn refusals_name_the_field_and_what_it_must_be() {
            for (body, wanted) in [
                ("{bad", "not JSON"),
                ("", "not JSON"),
                ("[]", "must be an object"),
                ("{}", "\"params\" is missing"),
                (r#"{"params":{}}"#, "\"params.title\" is missing"),
                (r#"{"params":{"title":5}}"#, "\"params.title\" is 5, but must be text"),
                (r#"{"params":{"title":"x","priority":2147483648}}"#, "from -2147483648 to 2147483647"),
                (r#"{"params":{"title":"x","labels":["a",7]}}"#, "\"params.labels[1]\" is 7, but must be text"),
                (r#"{"params":{"title":"x","parents":[{"id":"x"}]}}"#, "\"params.parents[0].id\" is no id"),
                (r#"{"params":{"title":"x","workspace":"moon"}}"#, "must be one of scratch, dir, worktree"),
                (r#"{"params":{"title":"x","workspace":7}}"#, "\"params.workspace\""),
            ] {
                let why = why_not::<Create>(body.as_bytes()).unwrap_err();
                assert!(why.contains(wanted), "{body}: {why}");
                assert!(!why.contains("struct") && !why.contains("i32") && !why.contains("enum"), "{body}: {why}");
            }
            let body = br#"{"params":{"id":"018f0000-0000-7000-8000-000000000001","to":"frob"}}"#;
            let why = why_not::<Move>(body).unwrap_err();
            assert!(why.contains("\"params.to\"") && why.contains("running"), "{why}");
        }
    }
}
