//! A local HTTP server that answers as it is told, also wrongly.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What the server does when asked for a path.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// 200 with this body.
    Body(Vec<u8>),
    /// This status, no body.
    Status(u16),
    /// 200, and the connection ends before the promised length.
    Truncated(Vec<u8>),
    /// 200, and more and more.
    Endless,
    /// 200, and nothing comes.
    Silent,
    /// 302 to there.
    Redirect(String),
}

/// A server until the test ends.
pub(crate) struct Server {
    pub(crate) url: String,
    /// Requests so far.
    pub(crate) asked: Arc<AtomicUsize>,
}

/// Serves paths; `other` answers for all that are not named. Threads end with the test's process.
pub(crate) fn serve(answers: BTreeMap<String, Answer>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answers = Arc::new(answers);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::Relaxed);
            let answers = Arc::clone(&answers);
            std::thread::spawn(move || answer(stream, &answers));
        }
    });
    Server { url, asked }
}

fn answer(mut stream: TcpStream, answers: &BTreeMap<String, Answer>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else { return };
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let path = first.split(' ').nth(1).unwrap_or_default();
    let head = |status: &str, length: usize| format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n");
    let mut send = |bytes: &[u8]| stream.write_all(bytes).is_ok();
    match answers.get(path).unwrap_or(&Answer::Status(404)) {
        Answer::Body(body) => {
            send(format!("{}\r\n", head("200 OK", body.len())).as_bytes());
            send(body);
        }
        Answer::Status(status) => {
            send(format!("{}\r\n", head(&format!("{status} No"), 0)).as_bytes());
        }
        Answer::Truncated(body) => {
            send(format!("{}\r\n", head("200 OK", body.len())).as_bytes());
            send(&body[..body.len() / 2]);
        }
        Answer::Endless => {
            send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            let much = vec![b' '; 1 << 20];
            while send(&much) {}
        }
        Answer::Silent => std::thread::sleep(Duration::from_secs(120)),
        Answer::Redirect(to) => {
            send(format!("{}Location: {to}\r\n\r\n", head("302 Found", 0)).as_bytes());
        }
    }
}
