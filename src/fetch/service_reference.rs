//! AWS's Service Reference: an index of services, and one JSON document for each, from a URL or from a folder with the same files.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/service-reference.html>
//!
//! Invariant: only the origin that was named is asked, whatever its index or a redirect says.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Url;
use reqwest::blocking::Client;
use serde::Deserialize;

use super::FetchError;

/// How long one document may take.
const REQUEST_SECONDS_MAX: u64 = 60;
/// How long connecting may take.
const CONNECT_SECONDS_MAX: u64 = 10;
/// Redirects of one request.
const REDIRECTS_MAX: usize = 3;
/// The largest index.
const INDEX_BYTES_MAX: u64 = 4 << 20;
/// The largest document; the largest of AWS has some 2 MB.
const DOCUMENT_BYTES_MAX: u64 = 32 << 20;
/// Services that an index may list; AWS lists some 450.
const SERVICES_MAX: usize = 4_000;
/// Documents that are asked for at a time.
const AT_A_TIME: usize = 6;

/// The document of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// As the index names it.
    pub service: String,
    /// JSON, not judged yet.
    pub bytes: Vec<u8>,
}

/// Everything that the reference holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// The URL without user and query; empty for a folder, whose name is nobody else's business.
    pub home: String,
    /// In the order of the index.
    pub documents: Vec<Document>,
}

#[derive(Deserialize)]
struct Listed {
    service: String,
    url: String,
}

/// Where documents come from.
enum Place {
    Folder(PathBuf),
    Origin(Client, Url),
}

/// Reads the index and every document that it lists; all or none.
///
/// # Errors
/// Where anything cannot be read, is too large, or the index is none.
pub fn read(from: &str) -> Result<Documents, FetchError> {
    let place = Place::open(from)?;
    let (name, bytes) = place.index()?;
    let wrong = |why: String| FetchError::Index { place: name.clone(), why };
    let listed: Vec<Listed> = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if listed.is_empty() || listed.len() > SERVICES_MAX {
        return Err(wrong(format!("it lists {} services", listed.len())));
    }
    let next = AtomicUsize::new(0);
    let fetch = || -> Result<Vec<(usize, Document)>, FetchError> {
        let mut fetched = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = listed.get(index) else { return Ok(fetched) };
            // One failure is the end of all: the others need not be asked for.
            let bytes = place.document(&one.url).inspect_err(|_| next.store(SERVICES_MAX, Ordering::Relaxed))?;
            fetched.push((index, Document { service: one.service.clone(), bytes }));
        }
    };
    let ended: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(fetch)).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let mut documents = Vec::new();
    for thread in ended {
        let lost = |_| FetchError::Read { place: name.clone(), source: std::io::Error::other("a reading thread ended early") };
        documents.extend(thread.map_err(lost)??);
    }
    documents.sort_by_key(|(index, _)| *index);
    Ok(Documents { home: place.home(), documents: documents.into_iter().map(|(_, document)| document).collect() })
}

impl Place {
    fn open(from: &str) -> Result<Place, FetchError> {
        let not_usable = || FetchError::Place { place: from.to_owned() };
        if Path::new(from).is_dir() {
            return Ok(Place::Folder(PathBuf::from(from)));
        }
        let url = Url::parse(from).ok().filter(is_allowed).ok_or_else(not_usable)?;
        let origin = url.origin();
        let same = reqwest::redirect::Policy::custom(move |attempt| {
            if attempt.url().origin() != origin || attempt.previous().len() > REDIRECTS_MAX {
                return attempt.stop();
            }
            attempt.follow()
        });
        let mut client = Client::builder()
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
            .timeout(Duration::from_secs(REQUEST_SECONDS_MAX))
            .user_agent(concat!("tightfit/", env!("CARGO_PKG_VERSION")))
            .redirect(same);
        if url.scheme() == "http" {
            // This machine is not behind a proxy.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|source| FetchError::Request { url: from.to_owned(), source: Box::new(source) })?;
        Ok(Place::Origin(client, url))
    }

    fn home(&self) -> String {
        match self {
            Place::Folder(_) => String::new(),
            Place::Origin(_, url) => format!("{}{}", url.origin().ascii_serialization(), url.path()),
        }
    }

    fn index(&self) -> Result<(String, Vec<u8>), FetchError> {
        match self {
            Place::Folder(folder) => {
                let path = folder.join("index.json");
                Ok((path.display().to_string(), file(&path, INDEX_BYTES_MAX)?))
            }
            Place::Origin(client, url) => Ok((url.to_string(), get(client, url, INDEX_BYTES_MAX)?)),
        }
    }

    /// The document that the index lists under a URL: its path at our own place, so that a copy of the reference works.
    fn document(&self, listed: &str) -> Result<Vec<u8>, FetchError> {
        let wrong = |why: &str| FetchError::Index { place: listed.to_owned(), why: why.to_owned() };
        let absolute = match self {
            Place::Origin(_, url) => url.join(listed),
            Place::Folder(_) => {
                Url::parse(listed).or_else(|_| Url::parse("https://localhost/").and_then(|base| base.join(listed)))
            }
        };
        let absolute = absolute.map_err(|_| wrong("it lists something that is no URL"))?;
        match self {
            Place::Folder(folder) => {
                let inside = Path::new(absolute.path().trim_start_matches('/'));
                if inside.components().any(|part| !matches!(part, Component::Normal(_))) {
                    return Err(wrong("it lists a file outside of its folder"));
                }
                file(&folder.join(inside), DOCUMENT_BYTES_MAX)
            }
            Place::Origin(client, url) => {
                let mut here = url.clone();
                here.set_path(absolute.path());
                here.set_query(absolute.query());
                get(client, &here, DOCUMENT_BYTES_MAX)
            }
        }
    }
}

/// Encrypted, or to this machine; no credentials in the URL.
fn is_allowed(url: &Url) -> bool {
    let here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let plain = url.username().is_empty() && url.password().is_none();
    plain && url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && here))
}

fn get(client: &Client, url: &Url, bytes_max: u64) -> Result<Vec<u8>, FetchError> {
    let name = url.to_string();
    let failed = |source| FetchError::Request { url: name.clone(), source: Box::new(source) };
    let answer = client.get(url.clone()).send().map_err(failed)?;
    if !answer.status().is_success() {
        return Err(FetchError::Status { url: name, status: answer.status().as_u16() });
    }
    if answer.content_length().is_some_and(|length| length > bytes_max) {
        return Err(FetchError::Size { place: name, bytes_max });
    }
    limited(answer, &name, bytes_max)
}

fn file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, FetchError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|source| FetchError::Read { place: name.clone(), source })?;
    limited(file, &name, bytes_max)
}

/// Everything, or an error where there is more than the limit.
fn limited(from: impl Read, name: &str, bytes_max: u64) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    let read = from.take(bytes_max + 1).read_to_end(&mut bytes);
    read.map_err(|source| FetchError::Read { place: name.to_owned(), source })?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(FetchError::Size { place: name.to_owned(), bytes_max });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encrypted_or_local_urls_are_asked() {
        for (text, allowed) in [
            ("https://servicereference.us-east-1.amazonaws.com/", true),
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]/x", true),
            ("http://localhost/", true),
            ("http://example.com/", false),
            ("http://localhost.example.com/", false),
            ("https://user:secret@example.com/", false),
            ("file:///etc/passwd", false),
            ("ftp://localhost/", false),
        ] {
            assert_eq!(Url::parse(text).is_ok_and(|url| is_allowed(&url)), allowed, "{text}");
        }
        assert!(matches!(Place::open("no such folder"), Err(FetchError::Place { .. })));
    }
}
