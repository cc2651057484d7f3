//! A conversation between a model and its tools, from the card to the hand-over.
//!
//! [`machine`] decides, [`driver`] acts. Every step is stored before the next one, so a worker that is started again
//! goes on where the last one stopped, and never runs a tool twice without saying so.

mod budget;
pub mod driver;
pub mod machine;
mod store;

pub use driver::{Driver, TurnEnd};
pub use machine::Machine;
pub use store::ConversationError;

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_statement_prepares() {
        crate::store::tests::prepare_all(super::store::ALL_SQL).await;
    }
}
