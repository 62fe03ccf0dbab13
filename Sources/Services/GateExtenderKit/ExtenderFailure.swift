public import GateModel

/// Why something could not be done, and what still can.
public struct ExtenderFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a caller can branch on; more may be added.
    public struct Code: Hashable, Sendable {
        fileprivate let text: String

        /// No kernel worker is attached now. Try again in a second; the service reconnects by itself.
        public static let noWorker = Code(text: "no kernel worker is attached")
        /// The node knows no address of this UUID. Add the peer, or wait until it is found.
        public static let unknownPeer = Code(text: "nothing is known of the peer's address")
        /// The peer or a relay did not answer. Another route may work.
        public static let unreachable = Code(text: "the peer or a relay did not answer")
        /// Access control or settings here say no. Trying again does not help.
        public static let refused = Code(text: "refused by this node's access control or settings")
        /// Not within the deadline.
        public static let timedOut = Code(text: "not within the deadline")
        /// Too few relays are known. Fewer hops may work.
        public static let noRoute = Code(text: "too few relays are known for the route")
        /// The peer closed: wrong UUID, secret or clock, or not allowed there.
        public static let notAccepted = Code(text: "wrong UUID, secret or clock, or not allowed there")
        /// Too much at once here or there. Try again later.
        public static let overloaded = Code(text: "too much at once")
        /// The session ended. Connect again; streams on it are gone.
        public static let sessionEnded = Code(text: "the session ended")
        /// The stream was reset. Open another on the same session; what was acknowledged stays consumed.
        public static let streamReset = Code(text: "the stream was reset")
        /// Writing after a finish. The other direction still works.
        public static let finished = Code(text: "the stream's sending side is finished")
        /// The peer runs no such extender.
        public static let noExtender = Code(text: "the peer has no such extender")
        /// The link credential is missing, expired or another node's. Issue one with `quantumgate credential issue`.
        public static let credential = Code(text: "the link credential can't be used")
        /// The service is stopping.
        public static let stopping = Code(text: "the service is stopping")
        /// The node's database does not answer or says no; the message says more.
        public static let storage = Code(text: "the node's database")
    }

    /// What a caller can branch on.
    public let code: Code
    /// For people and logs; never a secret or a payload.
    public let message: String
    /// With `.streamReset`: the code that came.
    public let reset: StreamResetCode?

    package init(_ code: Code, _ message: String = "", reset: StreamResetCode? = nil) {
        self.code = code
        self.message = message
        self.reset = reset
    }

    /// The code in words, and the message.
    public var description: String { message.isEmpty ? code.text : "\(code.text): \(message)" }

    /// What a reset with `code` means for the stream's user.
    package static func reset(_ code: StreamResetCode) -> ExtenderFailure {
        switch code {
        case .noSuchExtender: ExtenderFailure(.noExtender, reset: code)
        case .peerGone: ExtenderFailure(.sessionEnded, reset: code)
        case .overloaded: ExtenderFailure(.overloaded, reset: code)
        default: ExtenderFailure(.streamReset, "code \(code.rawValue)", reset: code)
        }
    }
}
