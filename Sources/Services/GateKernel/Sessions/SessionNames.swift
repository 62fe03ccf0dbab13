import GateModel

/// How this side names the streams and messages of one session, for the peer.
///
/// Extenders name theirs for their links, by one random number and one counter for all peers. A peer that saw those
/// could tell that two anonymous sessions are of one origin, so they stay here: streams are named after the session
/// and their alias, messages are counted, and receipts are led back to who sent the message.
struct SessionNames<Sender: AnyObject> {
    private let session: SessionID
    private var messageCount: UInt64 = 0
    private var awaited: [UInt64: Sent] = [:]

    /// A message's receipt is awaited until so many more messages were sent in the session.
    static var receiptWindow: UInt64 { 4096 }

    /// A message that waits for its receipt, as its sender knows it.
    struct Sent {
        let sender: Sender
        let id: UInt64
    }

    init(session: SessionID) { self.session = session }

    /// The name of a stream that we open; both sides know all of it already.
    func stream(_ alias: UInt32) -> StreamID { StreamID(replica: session.value.low, counter: UInt64(alias)) }

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
