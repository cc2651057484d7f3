//! The provider's settings, its test, and the search for servers on this machine.

use std::os::unix::fs::PermissionsExt;

use agent_core::llm::{self, ModelError};
use protocol::{ProviderTest, SaveProviderParams};

use crate::scripted_model::{Reply, ScriptedModel, in_pieces, says, status};
use crate::support::{World, ada};

const KEY: &str = "sk-test-0123456789abcdefa1b2";

fn params(base_url: &str, key: Option<&str>) -> SaveProviderParams {
    SaveProviderParams { base_url: base_url.into(), model: "scripted".into(), key: key.map(str::to_owned) }
}

#[tokio::test]
async fn settings_are_stored_without_losing_anything() {
    let world = World::new().await;
    let config = world.dir.path().join("config.yaml");
    let before = format!("# mine\nunknown: {{ a: 1 }}\n{}", std::fs::read_to_string(&config).unwrap());
    std::fs::write(&config, &before).unwrap();
    std::fs::write(world.dir.path().join(".env"), "# keys\nOTHER=x\n").unwrap();
    assert!(!llm::is_ready(&world.core));

    let view = llm::save_provider(&world.core, &ada(), params("http://127.0.0.1:9/v1/", Some(KEY))).await.unwrap();
    assert_eq!(
        (view.base_url.as_str(), view.key_masked.as_str(), view.ready),
        ("http://127.0.0.1:9/v1", "sk-…a1b2", true)
    );
    assert!(llm::is_ready(&world.core));
    let after = std::fs::read_to_string(&config).unwrap();
    assert!(after.starts_with(&before) && after.contains("key_env: \"HERMES_MODEL_KEY\""), "{after}");
    assert!(!after.contains(KEY));
    let env = world.dir.path().join(".env");
    assert_eq!(std::fs::read_to_string(&env).unwrap(), format!("# keys\nOTHER=x\nHERMES_MODEL_KEY={KEY}\n"));
    assert_eq!(std::fs::metadata(&env).unwrap().permissions().mode() & 0o777, 0o600);

    // The key stays when none is given, and goes when an empty one is.
    let view = llm::save_provider(&world.core, &ada(), params("http://127.0.0.1:9/v2", None)).await.unwrap();
    assert_eq!(view.key_masked, "sk-…a1b2");
    let view = llm::save_provider(&world.core, &ada(), params("http://127.0.0.1:9/v2", Some(""))).await.unwrap();
    assert_eq!(view.key_masked, "");
    assert_eq!(std::fs::read_to_string(&env).unwrap(), "# keys\nOTHER=x\n");
    world.check_invariants().await;
}

#[tokio::test]
async fn a_key_is_never_sent_to_another_host() {
    let world = World::new().await;
    llm::save_provider(&world.core, &ada(), params("https://api.example.com/v1", Some(KEY))).await.unwrap();
    let other = ScriptedModel::start(vec![]).await;
    for refused in [
        llm::test_provider(&world.core, params(&other.base_url, None)).await.map(drop),
        llm::save_provider(&world.core, &ada(), params(&other.base_url, None)).await.map(drop),
    ] {
        let Err(ModelError::Invalid(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains("api.example.com") && !why.contains(KEY), "{why}");
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn bad_settings_change_nothing() {
    let world = World::new().await;
    let config = world.dir.path().join("config.yaml");
    let before = std::fs::read_to_string(&config).unwrap();
    let bad_model = SaveProviderParams { model: "  ".into(), ..params("http://h/v1", None) };
    for bad in [params("", None), params("ftp://h", None), params("http://h/v1", Some("two words")), bad_model] {
        assert!(matches!(llm::save_provider(&world.core, &ada(), bad).await, Err(ModelError::Invalid(_))));
    }
    std::fs::write(&config, "model: { default: x }\nkanban: { default_assignee: runner }\n").unwrap();
    let refused = llm::save_provider(&world.core, &ada(), params("http://h/v1", Some(KEY))).await;
    assert!(matches!(refused, Err(ModelError::Invalid(why)) if why.contains("left alone")));
    assert!(!world.dir.path().join(".env").exists(), "no key without its settings");
    std::fs::write(&config, before).unwrap();
}

#[tokio::test]
async fn the_test_tells_what_is_so() {
    let world = World::new().await;
    let model = ScriptedModel::start(vec![in_pieces(says("ready"), 1)]).await;
    let works = llm::test_provider(&world.core, params(&model.base_url, Some(KEY))).await.unwrap();
    assert!(matches!(&works, ProviderTest::Works { model, .. } if model == "scripted-1"), "{works:?}");
    assert_eq!(model.requests()[0].authorization.as_deref(), Some(format!("Bearer {KEY}").as_str()));

    let page = Reply::Stream { text: "<html>welcome</html>".into(), piece: usize::MAX };
    for (reply, said, hinted) in [
        (
            status(401, &format!("{{\"error\":{{\"message\":\"bad key {KEY}\"}}}}")),
            "HTTP 401: bad key",
            "key was not accepted",
        ),
        (status(404, "404 page not found"), "HTTP 404", "end in /v1"),
        (
            status(404, "{\"error\":{\"message\":\"model 'scripted' not found\"}}"),
            "not found",
            "does not have this model",
        ),
        (status(500, ""), "HTTP 500", "trouble"),
        (status(302, ""), "HTTP 302", "/v1"),
        (page, "closed the connection", "OpenAI-compatible"),
    ] {
        model.add(reply);
        let failed = llm::test_provider(&world.core, params(&model.base_url, Some(KEY))).await.unwrap();
        let ProviderTest::Fails { message, hint } = failed else { panic!("{failed:?}") };
        assert!(message.contains(said) && hint.contains(hinted), "{message} / {hint}");
        assert!(!message.contains(KEY));
    }

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nowhere =
        llm::test_provider(&world.core, params(&format!("http://127.0.0.1:{closed}/v1"), Some(""))).await.unwrap();
    assert!(matches!(&nowhere, ProviderTest::Fails { hint, .. } if hint.contains("Nothing answers")), "{nowhere:?}");
    let tls =
        llm::test_provider(&world.core, params(&model.base_url.replace("http:", "https:"), Some(""))).await.unwrap();
    assert!(
        matches!(&tls, ProviderTest::Fails { hint, .. } if hint.contains("trusted") || hint.contains("https")),
        "{tls:?}"
    );
    let unknown = llm::test_provider(&world.core, params("http://no-such-host.invalid/v1", Some(""))).await.unwrap();
    assert!(matches!(&unknown, ProviderTest::Fails { hint, .. } if hint.contains("host name")), "{unknown:?}");
}

#[tokio::test]
async fn servers_on_this_machine_are_found_and_others_are_not() {
    let model = ScriptedModel::start(vec![]).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let started = std::time::Instant::now();
    let found =
        llm::local_servers_at(&[("Ollama", model.port), ("LM Studio", closed), ("llama.cpp", silent_port)]).await;
    assert!(started.elapsed() < std::time::Duration::from_secs(3));
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].name.as_str(), &found[0].models),
        ("Ollama", &vec!["scripted".to_owned(), "other".to_owned()])
    );
    assert_eq!(found[0].base_url, format!("http://127.0.0.1:{}/v1", model.port));
}
