package import GateLink
package import GateModel
package import NIOCore

/// Sees all that the workers say of sessions to one replica, and what the replica took of it: for who checks afterwards
/// that nothing was taken from a worker that was superseded.
package protocol AcceptanceWitness: Sendable {
    /// Called in the order of arrival on the replica's event loop, after the replica's decision; must be quick.
    func saw(_ arrival: LinkArrival)
}

/// An extender of which every link is watched.
package protocol WitnessedExtender: Extender {
    var witness: any AcceptanceWitness { get }
}

/// One thing that a worker said of a session.
package struct LinkArrival: Sendable {
    /// What it was.
    package enum What: Sendable {
        case event(LinkPeerEvent.Change)
        case message(ByteBuffer)
        case opened(StreamID)
        case bytes(StreamID, ByteBuffer)
        case finished(StreamID)
    }

    package let session: SessionID
    /// The session's epoch as the worker named it over this link, whatever the replica knows by others.
    package let epoch: SessionEpoch
    package let worker: String
    package let what: What
    /// Whether the replica let it have an effect.
    package let isTaken: Bool
}

/// The watch over one link: knows which epoch its worker speaks of, also where the replica has forgotten the number of a
/// stream because another worker carries it. On the replica's event loop.
final class LinkWitness {
    private struct Place {
        let session: SessionID
        let stream: StreamID
        let epoch: SessionEpoch
    }

    private let witness: any AcceptanceWitness
    private let worker: String
    private var named: [SessionID: SessionEpoch] = [:]
    private var places: [UInt32: Place] = [:]
    private var order = CircularBuffer<UInt32>()

    /// The most numbers of streams that are remembered; the oldest go first.
    static let placesMax = WorkerLink.streamsMax

    init(_ witness: any AcceptanceWitness, worker: String) {
        self.witness = witness
        self.worker = worker
    }

    /// The worker speaks of this epoch from now on.
    func named(_ event: LinkPeerEvent) { named[event.session] = event.epoch }

    /// The number stands for a stream from now on.
    func entered(_ alias: UInt32, _ session: SessionID, _ stream: StreamID) {
        let place = Place(session: session, stream: stream, epoch: named[session] ?? 0)
        if places.updateValue(place, forKey: alias) == nil { order.append(alias) }
        if order.count > Self.placesMax, let oldest = order.popFirst() { places[oldest] = nil }
    }

    func event(_ event: LinkPeerEvent, isTaken: Bool) {
        tell(event.session, event.epoch, .event(event.change), isTaken)
        if event.change == .disconnected { named[event.session] = nil }
    }

    func message(_ message: LinkMessage, isTaken: Bool) {
        tell(message.session, named[message.session] ?? 0, .message(message.payload), isTaken)
    }

    func opened(_ open: LinkStreamOpen, isTaken: Bool) { tell(open.session, open.epoch, .opened(open.id), isTaken) }

    func bytes(_ bytes: ByteBuffer, _ alias: UInt32, isTaken: Bool) {
        guard let place = places[alias] else { return }
        tell(place.session, place.epoch, .bytes(place.stream, bytes), isTaken)
    }

    func finished(_ alias: UInt32, isTaken: Bool) {
        guard let place = places[alias] else { return }
        tell(place.session, place.epoch, .finished(place.stream), isTaken)
    }

    private func tell(_ session: SessionID, _ epoch: SessionEpoch, _ what: LinkArrival.What, _ isTaken: Bool) {
        witness.saw(LinkArrival(session: session, epoch: epoch, worker: worker, what: what, isTaken: isTaken))
    }
}
