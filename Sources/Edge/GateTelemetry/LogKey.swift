/// The keys of structured log lines: one word, one meaning, in every program.
///
/// Values name things that an operator may know. A line about relaying for others never holds both neighbours of a
/// circuit together with a destination; payloads and secrets are in no line at all.
package enum LogKey {
    /// UUID of another node.
    package static let peer = "peer"
    /// Address that a connection came from or goes to.
    package static let address = "address"
    /// Session id.
    package static let session = "session"
    /// Circuit number within one session; means nothing outside of it.
    package static let circuit = "circuit"
    /// UUID of an extender.
    package static let extender = "extender"
    /// Name of a link's other side, as its certificate says.
    package static let link = "link"
    /// Name of a worker of this node.
    package static let worker = "worker"
    /// Name of a child process.
    package static let child = "child"
    /// Process id.
    package static let pid = "pid"
    /// Why something ended or was refused.
    package static let reason = "reason"
    /// A setting's key.
    package static let setting = "setting"
    /// A file's path.
    package static let path = "path"
    /// How many.
    package static let count = "count"
    /// How long, in milliseconds.
    package static let milliseconds = "ms"
    /// What failed, as its error describes it.
    package static let error = "error"
}
