//! Fetch: network in. What it reads is bytes from strangers: limited in size and time, from one origin, and judged elsewhere.

pub mod service_reference;

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Neither a folder nor a URL that may be used.
    #[error("`{place}` is neither a folder nor an `https://` URL (`http://` only to this machine)")]
    Place {
        /// As typed.
        place: String,
    },
    /// The request failed, or the answer broke off.
    #[error("`{url}` cannot be fetched")]
    Request {
        /// Which.
        url: String,
        /// Why.
        #[source]
        source: Box<reqwest::Error>,
    },
    /// The server answered, but not with what was asked for.
    #[error("`{url}` answered {status}")]
    Status {
        /// Which.
        url: String,
        /// HTTP's status.
        status: u16,
    },
    /// More than is sensible.
    #[error("`{place}` holds more than {bytes_max} bytes")]
    Size {
        /// Which.
        place: String,
        /// The limit.
        bytes_max: u64,
    },
    /// A file cannot be read, or an answer broke off.
    #[error("`{place}` cannot be read")]
    Read {
        /// Which.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The index has another shape than expected.
    #[error("the index `{place}` has not the expected shape: {why}")]
    Index {
        /// Which.
        place: String,
        /// What is wrong.
        why: String,
    },
}
