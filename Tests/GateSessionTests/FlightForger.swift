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

    /// A retry that no responder wrote.
    func retry(to opening: FlightHeader, number: UInt8, suite: [UInt8], offers: [UInt8]) throws -> ByteBuffer {
        var retry = opening
        retry.kind = .retry
        retry.versions = PeerVersions(only: opening.versions.highest)
        retry.suite = suite
        retry.offers = offers
        retry.messageBytes = 0
        retry.bodyBytes = 100
        let seed = [UInt8](repeating: 7, count: FlightMask.seedByteCount)
        let mask = try mask(seed, number)
        var flight = ByteBuffer(bytes: seed)
        mask.seal(.header, retry.encoded, into: &flight)
        mask.seal(.body, ByteBuffer(repeating: 0, count: 100), into: &flight)
        return flight
    }
}
