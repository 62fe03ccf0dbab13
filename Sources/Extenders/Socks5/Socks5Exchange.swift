import GateModel
package import NIOCore

/// The server's side of a SOCKS5 negotiation (RFC 1928, CONNECT only; RFC 1929).
///
///     awaitingGreeting ──no authentication──▶ awaitingRequest ──CONNECT──▶ awaitingOutcome ──succeeded──▶ settled
///            └──username──▶ awaitingCredentials ──▲    └────── anything else, at any state: refused ────────▲
///
/// Offered both methods it takes the username, since that carries options. It reads whole messages from the front of
/// the driver's input and leaves the rest, so that pipelined bytes of the client stay for the target. No message is
/// longer than ``messageBytesMax``: a driver that holds more unread input than that is not being read by intent, only
/// while an outcome is awaited.
package struct Socks5Exchange: Equatable {
    /// What the driver does next.
    package enum Action: Equatable {
        /// Nothing until more bytes come, or (after ``connect(_:_:)``) until the outcome is known.
        case awaitMore
        /// Write, then call ``Socks5Exchange/received(_:)`` again.
        case send(ByteBuffer)
        /// Connect, then tell ``Socks5Exchange/settled(_:)``.
        case connect(Socks5Target, Socks5Options)
        /// Write, flush, close.
        case refuse(ByteBuffer, Socks5Failure)
    }

    private enum State: Equatable {
        case awaitingGreeting
        case awaitingCredentials
        case awaitingRequest(Socks5Options)
        case awaitingOutcome
        case settled
    }

    /// The longest message: credentials of RFC 1929 with two fields of 255 bytes.
    package static let messageBytesMax = 1 + 1 + 255 + 1 + 255

    private var state = State.awaitingGreeting

    package init() {}

    /// Reads one message from the front of `input`, if a whole one is there. Call until it answers `.awaitMore`.
    package mutating func received(_ input: inout ByteBuffer) -> Action {
        switch state {
        case .awaitingGreeting: greeting(&input)
        case .awaitingCredentials: credentials(&input)
        case .awaitingRequest(let options): request(&input, options)
        case .awaitingOutcome, .settled: .awaitMore
        }
    }

    /// The target answered, or why not. Anything but `.succeeded` is followed by a close.
    package mutating func settled(_ reply: Socks5Reply) -> Action {
        guard state == .awaitingOutcome else { return .awaitMore }
        state = .settled
        return reply == .succeeded ? .send(reply.bytes) : .refuse(reply.bytes, .unanswered(reply))
    }

    /// | 1 | 1 | 1…255 |
    /// | --- | --- | --- |
    /// | version, 5 | method count | methods |
    private mutating func greeting(_ input: inout ByteBuffer) -> Action {
        let start = input.readerIndex
        guard let version = input.getInteger(at: start, as: UInt8.self) else { return .awaitMore }
        guard version == 5 else { return refuse([], .notSocks5) }
        guard let count = input.getInteger(at: start + 1, as: UInt8.self),
            let methods = input.getBytes(at: start + 2, length: Int(count))
        else { return .awaitMore }
        input.moveReaderIndex(forwardBy: 2 + methods.count)
        if methods.contains(Method.username) {
            state = .awaitingCredentials
            return .send(ByteBuffer(bytes: [5, Method.username]))
        }
        guard methods.contains(Method.none) else { return refuse([5, Method.noneAcceptable], .noMethod) }
        state = .awaitingRequest(Socks5Options())
        return .send(ByteBuffer(bytes: [5, Method.none]))
    }

    /// | 1 | 1 | 0…255 | 1 | 0…255 |
    /// | --- | --- | --- | --- | --- |
    /// | version, 1 | length | username | length | password |
    private mutating func credentials(_ input: inout ByteBuffer) -> Action {
        let start = input.readerIndex
        guard let version = input.getInteger(at: start, as: UInt8.self) else { return .awaitMore }
        guard version == 1 else { return refuse([1, 1], .malformed) }
        guard let nameLength = input.getInteger(at: start + 1, as: UInt8.self),
            let username = input.getBytes(at: start + 2, length: Int(nameLength)),
            let wordLength = input.getInteger(at: start + 2 + username.count, as: UInt8.self),
            let password = input.getBytes(at: start + 3 + username.count, length: Int(wordLength))
        else { return .awaitMore }
        input.moveReaderIndex(forwardBy: 3 + username.count + password.count)
        do {
            state = .awaitingRequest(try Socks5Options(username: username, password: password))
            return .send(ByteBuffer(bytes: [1, 0]))
        } catch {
            return refuse([1, 1], .badOptions(error))
        }
    }

    /// | 1 | 1 | 1 | 1 | 4, 16 or 1 + 1…255 | 2 |
    /// | --- | --- | --- | --- | --- | --- |
    /// | version, 5 | command | 0 | address type | address or name | port |
    private mutating func request(_ input: inout ByteBuffer, _ options: Socks5Options) -> Action {
        let start = input.readerIndex
        guard let version = input.getInteger(at: start, as: UInt8.self) else { return .awaitMore }
        guard version == 5 else { return refuse(.generalFailure, .malformed) }
        guard let head = input.getBytes(at: start, length: 5) else { return .awaitMore }
        guard head[2] == 0 else { return refuse(.generalFailure, .malformed) }
        let isName = head[3] == AddressType.name
        let hostStart = isName ? 5 : 4
        let hostLength: Int
        switch head[3] {
        case AddressType.v4: hostLength = 4
        case AddressType.v6: hostLength = 16
        case AddressType.name: hostLength = Int(head[4])
        default: return refuse(.addressTypeNotSupported, .addressType)
        }
        guard let host = input.getBytes(at: start + hostStart, length: hostLength),
            let port = input.getInteger(at: start + hostStart + hostLength, as: UInt16.self)
        else { return .awaitMore }
        input.moveReaderIndex(forwardBy: hostStart + hostLength + 2)
        guard head[1] == 1 else { return refuse(.commandNotSupported, .command) }
        let target =
            isName
            ? Socks5Target(name: host, port: port)
            : IPAddress(bytes: host).flatMap { Socks5Target(address: $0, port: port) }
        guard let target else { return refuse(.generalFailure, .malformed) }
        state = .awaitingOutcome
        return .connect(target, options)
    }

    private mutating func refuse(_ reply: Socks5Reply, _ failure: Socks5Failure) -> Action {
        state = .settled
        return .refuse(reply.bytes, failure)
    }

    private mutating func refuse(_ bytes: [UInt8], _ failure: Socks5Failure) -> Action {
        state = .settled
        return .refuse(ByteBuffer(bytes: bytes), failure)
    }
}

/// Why a client was refused; holds nothing that the client said.
package enum Socks5Failure: Error, Equatable {
    case notSocks5
    case noMethod
    case malformed
    case badOptions(Socks5OptionFailure)
    case command
    case addressType
    case unanswered(Socks5Reply)
}

/// RFC 1928, section 3.
private enum Method {
    static let none: UInt8 = 0
    static let username: UInt8 = 2
    static let noneAcceptable: UInt8 = 0xff
}

/// RFC 1928, section 5.
private enum AddressType {
    static let v4: UInt8 = 1
    static let name: UInt8 = 3
    static let v6: UInt8 = 4
}
