import GateModel
import NIOCore

/// How this side names the messages of one session, for the peer.
///
/// Extenders name theirs for their links, by one random number and one counter for all peers. A peer that saw those
/// could tell that two anonymous sessions are of one origin, so they stay here: messages are counted, and receipts are
/// led back to who sent the message. Streams keep the names that extenders give them, see ``StreamNames``.
struct SessionNames<Sender: AnyObject> {
    private var messageCount: UInt64 = 0
    private var awaited: [UInt64: Sent] = [:]

    /// A message's receipt is awaited until so many more messages were sent in the session.
    static var receiptWindow: UInt64 { 4096 }

    /// A message that waits for its receipt, as its sender knows it.
    struct Sent {
        let sender: Sender
        let id: UInt64
    }

    /// The name of a message that `sender` calls `id`.
    mutating func message(_ id: UInt64, from sender: Sender, wantsReceipt: Bool) -> UInt64 {
        messageCount += 1
        if messageCount > Self.receiptWindow { awaited[messageCount - Self.receiptWindow] = nil }
        if wantsReceipt { awaited[messageCount] = Sent(sender: sender, id: id) }
        return messageCount
    }

    /// Whose message the peer's receipt is for; `nil` for one that nobody waits for (any more).
    mutating func receipted(_ name: UInt64) -> Sent? { awaited.removeValue(forKey: name) }

    /// The sender is gone: nothing waits for its receipts.
    mutating func forget(_ sender: Sender) { awaited = awaited.filter { $0.value.sender !== sender } }
}

/// Which session each random half of stream names was used for on one link. The peer sees these names, so one that serves
/// two sessions would tell that both have one origin.
struct StreamNames {
    /// The most halves that are remembered; beyond, the oldest is forgotten.
    static let countMax = 65_536

    private var sessions: [UInt64: SessionID] = [:]
    private var order = CircularBuffer<UInt64>()

    /// Whether a stream of `session` may have a name with this half; remembers it.
    mutating func admits(_ half: UInt64, for session: SessionID) -> Bool {
        if let known = sessions[half] { return known == session }
        if order.count >= Self.countMax, let oldest = order.popFirst() { sessions[oldest] = nil }
        sessions[half] = session
        order.append(half)
        return true
    }
}
