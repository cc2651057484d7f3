//! The owner's account.

use agent_core::accounts::{self, AccountError};
use protocol::SetUpParams;

use crate::support::World;

const PASSWORD: &str = "three green bicycles";

fn params(token: &str, password: &str) -> SetUpParams {
    SetUpParams { token: token.into(), name: "Ada".into(), password: password.into() }
}

#[tokio::test]
async fn the_set_up_link_works_once_and_a_day() {
    let world = World::new().await;
    assert!(!accounts::is_set_up(&world.core).await.unwrap());
    let old = accounts::issue_setup_token(&world.core).await.unwrap();
    let token = accounts::issue_setup_token(&world.core).await.unwrap();
    for bad in [old.as_str(), "", "invented"] {
        let error = accounts::set_up(&world.core, params(bad, PASSWORD)).await.unwrap_err();
        assert!(error.to_string().contains("hermes setup-link"), "{error}");
    }
    assert!(matches!(accounts::set_up(&world.core, params(&token, "short")).await, Err(AccountError::Invalid(_))));
    let owner = accounts::set_up(&world.core, params(&token, PASSWORD)).await.unwrap();
    assert_eq!(accounts::viewer(&world.core, owner.id).await.unwrap().unwrap().name, "Ada");
    assert!(accounts::set_up(&world.core, params(&token, PASSWORD)).await.is_err(), "used");

    // A new link sets a new password for the same person.
    let again = accounts::issue_setup_token(&world.core).await.unwrap();
    let same = accounts::set_up(&world.core, params(&again, "four yellow bicycles")).await.unwrap();
    assert_eq!(same.id, owner.id);
    assert!(accounts::sign_in(&world.core, PASSWORD, "::1").await.is_err());
    accounts::sign_in(&world.core, "four yellow bicycles", "::1").await.unwrap();

    let late = accounts::issue_setup_token(&world.core).await.unwrap();
    world.clock.advance_ms(24 * 3_600_000 + 1);
    assert!(accounts::set_up(&world.core, params(&late, PASSWORD)).await.is_err(), "expired");
}

#[tokio::test]
async fn guesses_are_slowed_down_across_restarts_and_the_right_password_works_after() {
    let world = World::new().await;
    let token = accounts::issue_setup_token(&world.core).await.unwrap();
    accounts::set_up(&world.core, params(&token, PASSWORD)).await.unwrap();
    for _ in 0..10 {
        let error = accounts::sign_in(&world.core, "wrong", "10.0.0.1").await.unwrap_err();
        assert!(matches!(error, AccountError::Denied(_)), "{error}");
    }
    let restarted = world.second_core().await;
    let error = accounts::sign_in(&restarted, PASSWORD, "10.0.0.1").await.unwrap_err();
    assert!(matches!(error, AccountError::TooMany { retry_after_ms } if retry_after_ms <= 5_000), "{error}");
    accounts::sign_in(&restarted, PASSWORD, "10.0.0.2").await.unwrap();
    world.clock.advance_ms(5_001);
    accounts::sign_in(&restarted, PASSWORD, "10.0.0.1").await.unwrap();
}
