import CPostgres
import Foundation
import GateModel

/// Which database, and how a connection to it is made.
///
/// The URL is libpq's (`postgresql://user@host:port/database?sslmode=…`), several hosts for a primary with standbys.
/// It holds no password: that is in a file, read at each connect, so that it rotates without a restart. Off this
/// machine the server must prove itself (`sslmode=verify-full` or `verify-ca`), unless that is waived.
package struct PostgresTarget: Sendable, Equatable {
    /// libpq's URL.
    package let url: String
    /// File with the password, one line, readable by its owner only; `nil` where none is needed or the URL's
    /// `passfile` has it.
    package let passwordFile: String?
    private let names: Set<String>

    /// The longest URL that is taken.
    package static let urlBytesMax = 4096

    /// Checks a URL; throws `.target` with what is wrong and how a right one looks.
    ///
    /// - Parameter allowsPlain: takes a server off this machine that proves nothing.
    package init(url: String, passwordFile: String? = nil, allowsPlain: Bool = false) throws(PostgresFailure) {
        let options = try PostgresTarget.options(of: url)
        guard options["password"] == nil, options["sslpassword"] == nil else {
            throw .target("the URL has a password in it; write it to a file (mode 0600) and name that file instead")
        }
        guard options["service"] == nil else { throw .target("the URL names a service; write out host and database") }
        guard options["dbname"]?.isEmpty == false else {
            throw .target("the URL names no database; for example \(PostgresTarget.example)")
        }
        let places = (options["hostaddr"] ?? options["host"] ?? "").split(separator: ",").map(String.init)
        guard !places.isEmpty else {
            throw .target("the URL names no host; for example \(PostgresTarget.example)")
        }
        let isProven = ["verify-full", "verify-ca"].contains(options["sslmode"] ?? "")
        if !allowsPlain, !isProven, let distant = places.first(where: { !PostgresTarget.isOnThisMachine($0) }) {
            throw .target(
                "\(distant) is another machine: add sslmode=verify-full and sslrootcert=FILE to the URL, or set "
                    + "database.allowPlain where the network itself is protected")
        }
        self.url = url
        self.passwordFile = passwordFile
        names = Set(options.keys)
    }

    /// How a URL looks.
    package static let example = "postgresql://gate@db.example.org/gate?sslmode=verify-full&sslrootcert=/etc/ca.pem"

    /// What libpq is told, in order: later ones win over earlier ones.
    func parameters(password: String?) -> [(String, String)] {
        // `dbname` is the whole URL; what an operator wrote there goes before our defaults.
        let defaults = [
            ("connect_timeout", "3"), ("tcp_user_timeout", "10000"), ("keepalives_idle", "10"),
            ("keepalives_interval", "5"), ("keepalives_count", "3"), ("gssencmode", "disable"),
            ("fallback_application_name", "quantumgate"),
        ]
        let fixed = [("target_session_attrs", "read-write"), ("client_encoding", "UTF8")]
        return [("dbname", url)] + defaults.filter { !names.contains($0.0) } + fixed
            + (password.map { [("password", $0)] } ?? [])
    }

    /// The password as it is in its file now.
    func password() throws(PostgresFailure) -> String? {
        guard let path = passwordFile else { return nil }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .target("\(path): the password's file is missing or can't be read") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0,
            FilePrivacy.isPrivate(mode: status.st_mode, owner: status.st_uid, user: geteuid())
        else {
            throw .target("\(path): others may read the password; run chmod 600 \(path)")
        }
        var bytes = [UInt8](repeating: 0, count: PostgresTarget.passwordBytesMax)
        let count = read(descriptor, &bytes, bytes.count)
        let line = bytes.prefix(max(count, 0)).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard !line.isEmpty, !line.contains(0) else { throw .target("\(path): has no password in its first line") }
        defer {
            bytes.withUnsafeMutableBytes { buffer in _ = buffer.baseAddress.map { explicit_bzero($0, buffer.count) } }
        }
        return String(decoding: line, as: UTF8.self)
    }

    private static let passwordBytesMax = 1024

    private static func options(of url: String) throws(PostgresFailure) -> [String: String] {
        guard url.hasPrefix("postgresql://") || url.hasPrefix("postgres://"), url.utf8.count <= urlBytesMax,
            !url.utf8.contains(0)
        else { throw .target("that is no URL of PostgreSQL; for example \(example)") }
        var message: UnsafeMutablePointer<CChar>?
        guard let list = PQconninfoParse(url, &message) else {
            // libpq's message quotes the URL, which may hold a password.
            PQfreemem(message)
            throw .target("the URL can't be read; for example \(example)")
        }
        defer { PQconninfoFree(list) }
        var options: [String: String] = [:]
        var option = list
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { options[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return options
    }

    /// Whether a host is a folder of sockets, or this machine's own address.
    private static func isOnThisMachine(_ host: String) -> Bool {
        host.hasPrefix("/") || host.hasPrefix("@") || host == "localhost" || IPAddress(text: host)?.isLoopback == true
    }
}

extension PostgresTarget: CustomStringConvertible {
    /// The URL, which holds no secret.
    package var description: String { url }
}
