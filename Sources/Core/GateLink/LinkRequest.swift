package import NIOCore

/// Asks the other side for one reply, or for a watch: events until either side ends it.
package struct LinkRequest: Equatable, Sendable {
    /// What is asked, such as `settings.get`; at most ``LinkLimits/methodBytesMax`` bytes.
    package var method: String
    /// Whether events are wanted.
    package var isWatch: Bool
    /// How long the asker waits for the reply; 0 for a watch.
    package var deadlineMilliseconds: UInt32
    /// The method's own encoding; at most ``LinkLimits/payloadBytesMax``.
    package var body: ByteBuffer

    package init(method: String, isWatch: Bool = false, deadlineMilliseconds: UInt32, body: ByteBuffer) {
        self.method = method
        self.isWatch = isWatch
        self.deadlineMilliseconds = deadlineMilliseconds
        self.body = body
    }
}

/// The one answer to a request; for a watch, its end.
package struct LinkReply: Equatable, Sendable {
    /// What became of the request.
    package enum Status: UInt32, Sendable {
        case done = 0
        /// Rights or access control say no.
        case refused = 1
        /// There is no such method.
        case unknownMethod = 2
        /// The body says nothing that the method can do.
        case invalid = 3
        case notFound = 4
        /// Something changed meanwhile, or is there already.
        case conflict = 5
        /// Not now; the same request may succeed later.
        case unavailable = 6
        /// Too many requests at once.
        case overloaded = 7
        case deadlineExceeded = 8
        case cancelled = 9
        /// The service failed; its log says more.
        case failed = 10
    }

    package var status: Status
    /// For people, empty when done; at most ``LinkLimits/reasonBytesMax`` bytes, never a secret.
    package var reason: String
    package var body: ByteBuffer

    package init(status: Status, reason: String = "", body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.reason = reason
        self.body = body
    }
}
