public import GateModel
public import NIOCore

/// A service on top of the node: what its author writes. The node brings authenticated, encrypted ways to other nodes;
/// the extender never sees sockets, keys or routes.
///
/// Every method has an empty default, and streams are refused by default. One replica's methods may run at the same time,
/// except that ``peerChanged(_:)`` and ``received(_:)`` each run one after another, in order.
public protocol Extender: Sendable {
    /// The service's name, the same on every node that runs it. Make one with `uuidgen`, once.
    var id: ExtenderID { get }
    /// What people call it: 1 to 63 of `a-z A-Z 0-9 . _ -`.
    var name: String { get }

    /// A session came, went or changed.
    func peerChanged(_ change: PeerChange) async

    /// A message came. It counts as consumed when this returns.
    func received(_ message: PeerMessage) async

    /// A peer opened a stream. When this returns, the stream is reset unless it was finished; when it throws, it is reset
    /// with `.failed`.
    func opened(_ stream: PeerStream) async throws
}

extension Extender {
    /// Does nothing.
    public func peerChanged(_ change: PeerChange) async {}

    /// Does nothing.
    public func received(_ message: PeerMessage) async {}

    /// Refuses.
    public func opened(_ stream: PeerStream) async throws { stream.reset(.refused) }
}

/// A whole message from a peer.
public struct PeerMessage: Sendable {
    /// Who sent it; answers go there.
    public let session: PeerSession
    /// At most ``PeerSession/messageBytesMax`` bytes.
    public let payload: ByteBuffer
    /// As the sender chose.
    public let priority: Priority
}

/// How much a replica holds and serves at once. All counts are bytes unless they say otherwise.
public struct ExtenderLimits: Hashable, Sendable {
    /// The most that one stream holds unconsumed; 64 KiB to 4 MiB. More is faster over long ways and costs memory.
    public var streamWindow: UInt64 = 2 * 1_048_576
    /// The most bytes that all streams hold, and twice what those of one session do: what came and was not consumed, what was
    /// sent and not acknowledged, what waits. Beyond, streams are reset as overloaded, those first that would take longest
    /// to be taken. A transfer at full speed holds a window; up to 16 KiB of each direction are not counted.
    public var heldMax = 512 * 1_048_576
    /// The most message bytes that one session holds unconsumed.
    public var messageWindow: UInt64 = 4 * 1_048_576
    /// Streams from peers whose handlers run at once; more are reset as overloaded.
    public var handlersMax = 8192
    /// Of them, those of one session; more are reset as overloaded. Below the streams that a session can have, so that a
    /// few sessions can't fill all.
    public var handlersPerSessionMax = 512
    /// Messages and peer changes that wait for the handler; more are dropped.
    public var waitingMax = 4096
    /// How long the peer of a finished and dropped stream may neither finish nor take bytes before the stream is reset.
    package var abandonedTime = Duration.seconds(10)

    /// How long a finished stream is kept for a peer that neither consumes what came nor says that it has. Longer than the
    /// time above: what was sent may still be on its way.
    package var doneTime = Duration.seconds(60)
    /// How long a session waits to be resumed before it counts as ended and its streams are reset.
    public var suspensionTime = Duration.seconds(30)

    /// The defaults.
    public init() {}
}
