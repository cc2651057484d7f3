//! Refusals to start.

use agent_core::kanban::dispatcher;
use server::{ServeOptions, serve};

use crate::Site;

#[tokio::test]
async fn a_taken_port_is_named_with_the_way_out() {
    let site = Site::new().await;
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = other.local_addr().unwrap();
    let refused = serve(site.core.clone(), ServeOptions { addr }).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        format!("port {} is in use by another program; stop that one, or choose another address with --addr", addr.port())
    );
    // The lock went with it.
    assert!(!dispatcher::is_running(&site.core));
}

#[tokio::test]
async fn a_second_server_on_the_same_home_is_refused() {
    let site = Site::new().await;
    let held = std::fs::File::create(site.core.home().server_lock()).unwrap();
    held.lock().unwrap();
    let addr = "127.0.0.1:0".parse().unwrap();
    let refused = serve(site.core.clone(), ServeOptions { addr }).await.unwrap_err().to_string();
    assert!(refused.starts_with("another Hermes server is running on "), "{refused}");
}
