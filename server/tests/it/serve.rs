//! Starting, refusing to start, and ending.

use std::net::SocketAddr;
use std::time::Duration;

use agent_core::kanban::dispatcher;
use server::{ServeOptions, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Site, cookie};

#[tokio::test]
async fn a_taken_port_is_named_with_the_way_out() {
    let site = Site::new().await;
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = other.local_addr().unwrap();
    let refused = serve(site.core.clone(), ServeOptions { addr }).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        format!(
            "port {} is in use by another program; stop that one, or choose another address with --addr",
            addr.port()
        )
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

/// Says one request and reads until the server closes the connection.
async fn exchange(addr: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(addr).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\ncookie: {}\r\nconnection: close\r\n\r\n", cookie());
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_signal_ends_the_server_in_time_with_tabs_open() {
    let site = Site::with_user().await;
    let addr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut server = Box::pin(serve(site.core.clone(), ServeOptions { addr }));
    let use_it = async {
        while !exchange(addr, "/healthz").await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(dispatcher::is_running(&site.core));
    };
    tokio::select! {
        ended = &mut server => panic!("the server ended: {ended:?}"),
        () = use_it => {}
    }
    let stop = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).unwrap();
    };
    let all = async { tokio::join!(server, exchange(addr, "/stream"), stop) };
    let (ended, tab, ()) = tokio::time::timeout(Duration::from_secs(5), all).await.unwrap();
    ended.unwrap();
    assert!(tab.unwrap().contains("event: hello"));
    assert!(!dispatcher::is_running(&site.core));
}
