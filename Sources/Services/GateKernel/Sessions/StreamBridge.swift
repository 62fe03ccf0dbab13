import GateLink
import GateModel
import GateWire
import NIOCore

/// One extender stream on its way through this worker: the session's side and the link's side of it.
///
/// A bridge is made by the side that sees the stream first and handed to the other.
///
/// `@unchecked Sendable`: `sessionAlias`, `credit` and `ends` are touched on the session's loop only, `linkAlias` on the link's only, the
/// rest is constant.
final class StreamBridge: @unchecked Sendable {
    let id: StreamID
    let extender: ExtenderID
    let priority: Priority
    /// Whether our extender opened the stream.
    let isOpenedHere: Bool
    /// Strong both; the tables that hold bridges are emptied when the session or the link ends.
    let session: SessionEndpoint
    let attachment: Attachment

    /// The stream's number on the session; 0 until one is allotted.
    var sessionAlias: UInt32 = 0
    /// What the peer grants the extender, and how much of it the extender has.
    var credit = CreditGate()
    /// Which sides' extenders have consumed all, as the session has passed on.
    var ends: StreamEnds = []
    /// The stream's number on the link; 0 until one is allotted.
    var linkAlias: UInt32 = 0

    init(
        id: StreamID, extender: ExtenderID, priority: Priority, isOpenedHere: Bool, session: SessionEndpoint,
        attachment: Attachment
    ) {
        self.id = id
        self.extender = extender
        self.priority = priority
        self.isOpenedHere = isOpenedHere
        self.session = session
        self.attachment = attachment
    }
}

/// What happens on a stream, whichever way it goes.
enum StreamEvent: Sendable {
    /// The opener allows this many bytes towards itself.
    case open(credit: UInt64)
    case data(ByteBuffer)
    case credit(limit: UInt64)
    case acknowledged(offset: UInt64)
    case finish
    case reset(code: UInt32)
    /// The extender where it comes from has consumed all up to the other's finish.
    case done
    /// The stream goes on from an earlier epoch; where the end stands that it comes from.
    indirect case resume(StreamStanding)
}

/// Which sides of a stream have consumed everything.
struct StreamEnds: OptionSet {
    let rawValue: UInt8
    static let peer = StreamEnds(rawValue: 1)
    static let extender = StreamEnds(rawValue: 2)
    static let both: StreamEnds = [.peer, .extender]
}

/// What a session hands to an extender's link.
enum ToLink: Sendable {
    case stream(StreamBridge, StreamEvent)
    case notice(SessionEndpoint, Notice)

    enum Notice: Sendable {
        case message(ExtenderMessage)
        case receipt(UInt64, ReceiptStatus)
        case extenders([ExtenderID])
        case credit(limit: UInt64)
        case connected
        /// The session's way is broken; it may come back, here or at another worker.
        case suspended(reason: String)
        /// The session goes on here, in a higher epoch.
        case resumed
        case disconnected(reason: String)

        /// Whether it tells of sessions that come and go, which nobody waits for.
        var isNews: Bool {
            switch self {
            case .connected, .disconnected, .extenders: true
            case .message, .receipt, .credit, .suspended, .resumed: false
            }
        }
    }
}

/// One extender's link as a session feeds it: a class, so that appending mutates in place.
final class LinkOutlet {
    let outlet: LoopOutlet<ToLink>
    /// Bytes of messages that the extender has sent, and that it was let send.
    var received: UInt64 = 0
    var granted = SessionEndpoint.extenderWindowBytes

    init(to attachment: Attachment) {
        outlet = LoopOutlet(to: attachment.eventLoop) { [weak attachment] in attachment?.take($0) }
    }
}

/// What an extender's link hands to a session.
enum ToSession: Sendable {
    case stream(StreamBridge, StreamEvent)
    /// The replica has named every stream of earlier epochs that it has.
    case streamsResumed
    case message(ExtenderMessage)
    case receipt(UInt64, ReceiptStatus)
}
