/// Why an embedded node could not do something, and what still can be done.
public struct EmbeddedNodeFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a caller can branch on; more may be added.
    public struct Code: Hashable, Sendable {
        fileprivate let text: String

        /// The configuration breaks a rule, which the message names. Nothing was done.
        public static let configuration = Code(text: "the configuration can't be used")
        /// The database, its key or the export; the message says more.
        public static let storage = Code(text: "the node's storage can't be used")
        /// The key does not open the export or the identity.
        public static let wrongKey = Code(text: "the key does not open it")
        /// The system gives no protected memory for keys. Raise the memory limit of the process.
        public static let memory = Code(text: "no protected memory for keys")
        /// The node has run already; make another from its folder or an export.
        public static let notAgain = Code(text: "the node has run already")
        /// The node has stopped, or was cancelled before it was ready.
        public static let stopped = Code(text: "the node does not run any more")
        /// The node could not begin, such as where another process has its address; the message says more.
        public static let start = Code(text: "the node can't start")
        /// The configuration names no such extender.
        public static let noExtender = Code(text: "the node has no such extender")
    }

    /// What went wrong.
    public let code: Code
    /// More about it, for people; never secret.
    public let message: String

    init(_ code: Code, _ message: String = "") {
        self.code = code
        self.message = message
    }

    /// In words.
    public var description: String { message.isEmpty ? code.text : "\(code.text): \(message)" }
}
