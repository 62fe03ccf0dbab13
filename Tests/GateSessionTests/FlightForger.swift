import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore

/// Somebody between two nodes who knows the UUID that is dialled, and no secret: reads and writes flights' headers.
struct FlightForger {
    let dialled: TestNode

    /// What was to be changed does not open, or says already what it was to be changed to.
    struct NotAFlight: Error {}

    /// Counts a connection's flights from 1: the initiator's are odd.
    static func direction(_ number: UInt8) -> FlightMask.Direction {
        number.isMultiple(of: 2) ? .toInitiator : .toResponder
    }

    func mask(_ seed: [UInt8], _ number: UInt8) throws -> FlightMask {
        try FlightMask(
            seed: seed, maskingKey: nil, dialled: dialled.node, direction: FlightForger.direction(number),
            flight: number, in: dialled.environment.slab)
    }

    /// The header of a flight.
    func header(of bytes: ByteBuffer, number: UInt8) throws -> FlightHeader {
        var rest = bytes
        guard let seed = rest.readBytes(length: FlightMask.seedByteCount),
            let sealed = rest.readSlice(length: FlightHeader.byteCount + FlightMask.tagByteCount),
            let opened = try mask(seed, number).open(.header, sealed), let header = FlightHeader(opened)
        else { throw NotAFlight() }
        return header
    }

    /// The flight with one byte of its header replaced.
    func changed(_ bytes: ByteBuffer, number: UInt8, _ place: Int, to byte: UInt8) throws -> ByteBuffer {
        var rest = bytes
        guard let seed = rest.readBytes(length: FlightMask.seedByteCount),
            let sealed = rest.readSlice(length: FlightHeader.byteCount + FlightMask.tagByteCount)
        else { throw NotAFlight() }
        let mask = try mask(seed, number)
        guard var header = mask.open(.header, sealed), header.getInteger(at: place, as: UInt8.self) != byte else {
            throw NotAFlight()
        }
        header.setInteger(byte, at: place)
        var changed = ByteBuffer(bytes: seed)
        mask.seal(.header, header, into: &changed)
        changed.writeBuffer(&rest)
        return changed
    }

    /// The flight with one byte of its message replaced, which stands in front of the padding.
    func messageChanged(
        _ bytes: ByteBuffer, number: UInt8, _ place: Int, _ change: (UInt8) -> UInt8
    ) throws -> ByteBuffer {
        var rest = bytes
        let prefix = FlightMask.seedByteCount + FlightHeader.byteCount + FlightMask.tagByteCount
        guard let seed = bytes.getBytes(at: bytes.readerIndex, length: FlightMask.seedByteCount),
            var changed = rest.readSlice(length: prefix)
        else { throw NotAFlight() }
        let mask = try mask(seed, number)
        guard var body = mask.open(.body, rest), let byte = body.getInteger(at: place, as: UInt8.self) else {
            throw NotAFlight()
        }
        body.setInteger(change(byte), at: place)
        mask.seal(.body, body, into: &changed)
        return changed
    }

    /// A flight of any header and message, without padding.
    func flight(_ choices: FlightHeader, number: UInt8, message: [UInt8]) throws -> ByteBuffer {
        var header = choices
        header.messageBytes = message.count
        header.bodyBytes = message.count
        let seed = [UInt8](repeating: 6, count: FlightMask.seedByteCount)
        let mask = try mask(seed, number)
        var flight = ByteBuffer(bytes: seed)
        mask.seal(.header, header.encoded, into: &flight)
        mask.seal(.body, ByteBuffer(bytes: message), into: &flight)
        return flight
    }

    /// A retry that no responder wrote, perhaps with a puzzle.
    func retry(
        to opening: FlightHeader, number: UInt8, suite: [UInt8], offers: [UInt8], puzzle: [UInt8] = []
    ) throws -> ByteBuffer {
        var retry = opening
        retry.kind = .retry
        retry.versions = PeerVersions(only: opening.versions.highest)
        retry.suite = suite
        retry.offers = offers
        retry.messageBytes = puzzle.count
        retry.bodyBytes = 100
        let seed = [UInt8](repeating: 7, count: FlightMask.seedByteCount)
        let mask = try mask(seed, number)
        var flight = ByteBuffer(bytes: seed)
        mask.seal(.header, retry.encoded, into: &flight)
        mask.seal(
            .body, ByteBuffer(bytes: puzzle + [UInt8](repeating: 0, count: 100 - puzzle.count)), into: &flight)
        return flight
    }
}
