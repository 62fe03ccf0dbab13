import GateModel
import GateSession
import GateTransport
import GateWire
import NIOCore

/// One end of a measured session: sends a stream when told to, swallows the other side's. On its channel's loop only.
///
/// Greets with an extender list as kernels do, so that whoever dialled knows that the other side is done, too.
final class BenchPeer: PeerChannelDelegate {
    private let isDialler: Bool
    /// Called once, when the session stands on both sides.
    var onReady: (BenchPeer) -> Void = { _ in }
    /// Called when the other side has consumed all that was sent.
    var onSent: () -> Void = {}
    var onClosed: (SessionFailure) -> Void = { _ in }
    /// Called for each message of an extender's that came.
    var onMessage: () -> Void = {}
    private weak var channel: PeerChannelHandler?
    private var block = ByteBuffer()
    private var alias: UInt32?
    private var left = 0
    private var total: UInt64 = 0
    private var counter: UInt64 = 0
    private var received: [UInt32: UInt64] = [:]
    private var granted: [UInt32: UInt64] = [:]

    /// Bytes that wait in the session before more are made.
    private static let queuedBytesMax = 1 << 20
    private static let messageBytes = 256

    init(isDialler: Bool) { self.isDialler = isDialler }

    /// Sends a stream of that many bytes.
    func send(_ byteCount: Int) {
        guard let channel, let alias = channel.makeAlias() else { return }
        if block.readableBytes == 0 { block.writeRepeatingByte(0x5a, count: StreamLimits.dataBytesMax) }
        counter += 1
        self.alias = alias
        left = byteCount
        total = UInt64(byteCount)
        channel.enqueue(
            .streamOpen(
                alias: alias, id: StreamID(replica: 1, counter: counter), extender: ShippedExtender.socks5,
                priority: .bulk,
                credit: StreamLimits.windowMax))
        fill(channel)
    }

    /// Sends a short message to the echo; it leaves with the batch. An interactive one comes back from any bench's peer.
    func sendMessage(isInteractive: Bool = false) {
        counter += 1
        channel?.enqueue(
            .message(
                ExtenderMessage(
                    extender: SoakEcho.extender, id: counter, flags: isInteractive ? .interactive : [],
                    payload: ByteBuffer(repeating: 0x5a, count: BenchPeer.messageBytes))))
    }

    func flush() { channel?.flush() }

    func close() { channel?.close(.done) }

    // MARK: PeerChannelDelegate

    func admit(_ claim: PeerClaim) -> Bool { true }

    func takes(_ extender: ExtenderID) -> Bool { true }

    func received(_ event: PeerEvent, on channel: PeerChannelHandler) {
        switch event {
        case .established:
            self.channel = channel
            if !isDialler {
                channel.enqueue(.extenders([]))
                onReady(self)
            }
        case .message(let message): received(message, on: channel)
        case .certified, .keysUpdated, .closed: break
        }
    }

    func batchEnded(on channel: PeerChannelHandler) { fill(channel) }

    func closed(_ failure: SessionFailure) { onClosed(failure) }

    private func received(_ message: SessionMessage, on channel: PeerChannelHandler) {
        switch message {
        case .extenders: if isDialler { onReady(self) }
        case .streamOpen(let alias, _, _, _, _):
            received[alias] = 0
            grant(alias, on: channel)
        case .streamData(let alias, let data):
            received[alias, default: 0] += UInt64(data.readableBytes)
            if (granted[alias] ?? 0) - (received[alias] ?? 0) <= StreamLimits.windowMax / 2 {
                grant(alias, on: channel)
            }
        case .streamFinish(let alias):
            channel.enqueue(.streamAcknowledged(alias: alias, offset: received[alias] ?? 0))
            channel.enqueue(.streamDone(alias: alias))
            channel.enqueue(.streamFinish(alias: alias))
            received[alias] = nil
            granted[alias] = nil
        case .streamAcknowledged(let alias, let offset):
            if alias == self.alias, offset == total { onSent() }
        case .message(let message):
            if !isDialler, message.priority == .interactive { channel.enqueue(.message(message)) }
            onMessage()
        case .certificate, .keyRequest, .keyReply, .keySwitch, .resumed, .streamDone, .streamResume, .streamCredit,
            .streamReset, .ping, .pong, .close,
            .receipt,
            .cells, .circuitCredit,
            .circuitDestroy:
            break
        }
    }

    private func grant(_ alias: UInt32, on channel: PeerChannelHandler) {
        let limit = (received[alias] ?? 0) + StreamLimits.windowMax
        granted[alias] = limit
        channel.enqueue(.streamCredit(alias: alias, limit: limit))
    }

    /// Makes data until as much waits in the session as may, and lets go what the socket takes.
    private func fill(_ channel: PeerChannelHandler) {
        repeat {
            while let alias, left > 0, channel.queuedBytes < BenchPeer.queuedBytesMax {
                let count = min(left, block.readableBytes)
                guard let part = block.getSlice(at: block.readerIndex, length: count) else { return }
                left -= count
                channel.enqueue(.streamData(alias: alias, part))
                if left == 0 { channel.enqueue(.streamFinish(alias: alias)) }
            }
            channel.flush()
        } while left > 0 && channel.queuedBytes < BenchPeer.queuedBytesMax
    }
}
