import GateCrypto
import GateModel
import GateWire
import NIOCore

/// Which flight of a connection comes or goes, and what masks it.
struct FlightPlace {
    let dialled: NodeUUID
    let secret: SharedSecret?
    let direction: FlightMask.Direction
    /// Counts the connection's flights, both ways, from 1.
    let number: UInt8
    let slab: SecretSlab

    /// The mask of the flight that begins with that seed.
    func mask(_ seed: [UInt8]) throws(SecretMemoryFailure) -> FlightMask {
        try FlightMask(
            seed: seed, maskingKey: secret?.maskingKey, dialled: dialled, direction: direction, flight: number,
            in: slab)
    }
}

/// Puts one flight together from any pieces of input and takes its mask off: the header as soon as it is whole, then the
/// body. Takes no byte beyond the flight.
struct FlightReader: ~Copyable {
    enum Body {
        case needsMore
        /// Some part does not open or makes no sense.
        case unintelligible
        /// The header, and the Noise message without padding.
        case flight(FlightHeader, ByteBuffer)
    }

    private static let prefixBytes = FlightMask.seedByteCount + FlightHeader.byteCount + FlightMask.tagByteCount

    private var pending = ByteBuffer()
    private var mask: FlightMask?
    private var header: FlightHeader?
    private var isUnintelligible = false
    /// The flight's seed, once the header is open.
    private(set) var seed: [UInt8] = []

    /// The header, the one time that it becomes readable; `nil` before, after, and where it does not open.
    mutating func header(
        _ input: inout ByteBuffer, at place: FlightPlace
    ) throws(SecretMemoryFailure) -> FlightHeader? {
        guard header == nil, !isUnintelligible, collect(FlightReader.prefixBytes, &input) else { return nil }
        isUnintelligible = true
        guard let seed = pending.readBytes(length: FlightMask.seedByteCount),
            let sealed = pending.readSlice(length: FlightHeader.byteCount + FlightMask.tagByteCount)
        else { return nil }
        let mask = try place.mask(seed)
        guard let opened = mask.open(.header, sealed), let header = FlightHeader(opened) else { return nil }
        self.mask = consume mask
        self.seed = seed
        self.header = header
        isUnintelligible = false
        pending = ByteBuffer()
        return header
    }

    /// The flight once its body is whole; ready for the next flight then.
    mutating func body(_ input: inout ByteBuffer) -> Body {
        if isUnintelligible { return .unintelligible }
        guard let header, collect(header.bodyBytes + FlightMask.tagByteCount, &input) else { return .needsMore }
        guard let mask = mask.take(), var body = mask.open(.body, pending),
            let message = body.readSlice(length: header.messageBytes)
        else { return .unintelligible }
        self.header = nil
        pending = ByteBuffer()
        return .flight(header, message)
    }

    /// Whether `pending` holds that many bytes now.
    private mutating func collect(_ count: Int, _ input: inout ByteBuffer) -> Bool {
        let missing = count - pending.readableBytes
        if missing > 0, var piece = input.readSlice(length: min(missing, input.readableBytes)) {
            pending.reserveCapacity(minimumWritableBytes: missing)
            pending.writeBuffer(&piece)
        }
        return pending.readableBytes == count
    }
}
