//! Cohere's models, through the host: `berth:cohere/chat`, granted by `capabilities = ["cohere"]`. The key stays with
//! the host.

pub use crate::bindings::http::berth::cohere::chat::{
    AssistantMessage, Error, Event, FinishReason, Message, Reply, Request, Tool, ToolCall, ToolChoice,
    ToolResult, Usage,
};
use crate::host;

/// Asks a model and waits for its whole reply.
///
/// ```
/// use berth_sdk::cohere::{self, Message, Request};
/// # use berth_sdk::testing::{Host, cohere::says};
/// # Host::new().with_cohere(|_| Ok(says("Hello."))).run(|| {
/// let reply = cohere::chat(&Request::new(vec![Message::User("Say hello.".to_owned())]))?;
/// assert_eq!(reply.message.content.as_deref(), Some("Hello."));
/// # Ok::<(), cohere::Error>(())
/// # })?;
/// # Ok::<(), cohere::Error>(())
/// ```
pub fn chat(request: &Request) -> Result<Reply, Error> {
    host::chat(request)
}

/// Asks a model, and returns its reply piece by piece. The last event is [`Event::End`], with the whole reply.
///
/// ```
/// use berth_sdk::cohere::{self, Event, Message, Request};
/// # use berth_sdk::testing::{Host, cohere::says};
/// # Host::new().with_cohere(|_| Ok(says("Hello."))).run(|| {
/// let mut text = String::new();
/// for event in cohere::stream(&Request::new(vec![Message::User("Say hello.".to_owned())]))? {
///     if let Event::Text(piece) = event? {
///         text.push_str(&piece);
///     }
/// }
/// assert_eq!(text, "Hello.");
/// # Ok::<(), cohere::Error>(())
/// # })?;
/// # Ok::<(), cohere::Error>(())
/// ```
pub fn stream(request: &Request) -> Result<Stream, Error> {
    host::stream(request).map(Stream)
}

/// A model's reply, as an iterator over its pieces. Each call of `next` waits for the next piece. Dropped before its end,
/// the stream is cancelled.
///
/// ```
/// use berth_sdk::cohere::{Error, Event, Stream};
///
/// fn texts(stream: Stream) -> Result<Vec<String>, Error> {
///     let texts = stream.filter_map(|event| match event {
///         Ok(Event::Text(text)) => Some(Ok(text)),
///         Ok(_) => None,
///         Err(error) => Some(Err(error)),
///     });
///     texts.collect()
/// }
/// ```
#[derive(Debug)]
pub struct Stream(host::ChatStream);

impl Iterator for Stream {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().transpose()
    }
}

impl Request {
    /// A request with these messages, without tools, and with the host's default for everything else.
    ///
    /// ```
    /// use berth_sdk::cohere::{Message, Request};
    ///
    /// let request = Request { temperature: Some(0.0), ..Request::new(vec![Message::User("Hi".to_owned())]) };
    /// assert_eq!(request.messages.len(), 1);
    /// ```
    #[must_use]
    pub fn new(messages: Vec<Message>) -> Self {
        Self {
            model: None,
            messages,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            max_tokens: None,
            temperature: None,
            seed: None,
            stop_sequences: Vec::new(),
        }
    }
}
