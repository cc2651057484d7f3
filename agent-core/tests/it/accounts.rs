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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_made_at_the_same_time_do_not_slip_past_the_limit() {
    let world = World::new().await;
    let token = accounts::issue_setup_token(&world.core).await.unwrap();
    accounts::set_up(&world.core, params(&token, PASSWORD)).await.unwrap();
    let guesses: Vec<_> = (0..25)
        .map(|_| {
            let core = world.core.clone();
            tokio::spawn(async move { accounts::sign_in(&core, "wrong", "10.0.0.1").await.unwrap_err() })
        })
        .collect();
    let mut looked_at = 0;
    for guess in guesses {
        looked_at += usize::from(matches!(guess.await.unwrap(), AccountError::Denied(_)));
    }
    assert_eq!(looked_at, 10, "each further guess must wait");
}

#[tokio::test]
async fn the_right_password_takes_nothing_from_the_account_and_forgives_its_address() {
    let world = World::new().await;
    let token = accounts::issue_setup_token(&world.core).await.unwrap();
    accounts::set_up(&world.core, params(&token, PASSWORD)).await.unwrap();
    for _ in 0..2 {
        accounts::sign_in(&world.core, "wrong", "10.0.0.1").await.unwrap_err();
    }
    accounts::sign_in(&world.core, PASSWORD, "10.0.0.1").await.unwrap();
    let left: Vec<(String, i64)> = sqlx::query_as("SELECT key, failures FROM account_attempt")
        .fetch_all(world.core.store().reader())
        .await
        .unwrap();
    assert_eq!(left, [("account:owner".to_owned(), 2)]);
}

#[tokio::test]
async fn a_hash_with_weaker_parameters_is_replaced_at_the_next_sign_in() {
    let world = World::new().await;
    let token = accounts::issue_setup_token(&world.core).await.unwrap();
    accounts::set_up(&world.core, params(&token, PASSWORD)).await.unwrap();
    let weak = argon2::Argon2::new(
        argon2::Algorithm::Argon2id,
        argon2::Version::V0x13,
        argon2::Params::new(19 * 1024, 2, 1, None).unwrap(),
    );
    let weak = argon2::PasswordHasher::hash_password(&weak, PASSWORD.as_bytes()).unwrap().to_string();
    let mut tx = world.core.write().await.unwrap();
    sqlx::query("UPDATE account_user SET password_hash = ?1").bind(&weak).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let stored = async || -> String {
        sqlx::query_scalar("SELECT password_hash FROM account_user")
            .fetch_one(world.core.store().reader())
            .await
            .unwrap()
    };

    accounts::sign_in(&world.core, "wrong", "::1").await.unwrap_err();
    assert_eq!(stored().await, weak, "a guess changes nothing");
    accounts::sign_in(&world.core, PASSWORD, "::1").await.unwrap();
    let strong = stored().await;
    assert!(strong.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{strong}");
    accounts::sign_in(&world.core, PASSWORD, "::1").await.unwrap();
    assert_eq!(stored().await, strong, "good enough already");
}
