internal import Configuration
internal import Foundation
internal import GateModel
internal import SystemPackage

extension LocalSettings {
    /// Reads the settings file of a node's folder with the environment over it.
    ///
    /// Throws everything that is wrong at once: unknown keys and variables, bad values, missing files.
    ///
    /// - Parameter filesNeeded: Which of the files that the settings name must be there already.
    package static func load(
        directory: String, environment: [String: String] = ProcessInfo.processInfo.environment,
        filesNeeded: NeededFiles = .all
    ) async throws(SettingsFaults) -> LocalSettings {
        let directory = absolutePath(directory)
        let file = "\(directory)/\(fileName)"
        guard let yaml = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw SettingsFaults([
                SettingsFault(key: file, reason: "can't be read", example: "quantumgate init \(directory)")
            ])
        }
        return try await load(
            yaml: yaml, directory: directory, environment: environment, filesNeeded: filesNeeded)
    }

    /// Reads `yaml` as if it were the settings file of `directory`.
    package static func load(
        yaml: String, directory: String, environment: [String: String], filesNeeded: NeededFiles
    ) async throws(SettingsFaults) -> LocalSettings {
        let tree = SettingsTree(yaml: yaml)
        var faults = tree.faults + unknownVariables(in: environment)
        var settings = LocalSettings(directory: directory)
        let reader = ConfigReader(providers: [
            EnvironmentVariablesProvider(environmentVariables: environment.filter { isOurs($0.key) })
                .prefixKeys(with: "quantumgate"),
            InMemoryProvider(name: fileName, values: tree.values.reduce(into: [:], insert)),
        ])
        for key in SettingsKey.all {
            guard let value = reader.value(of: key) ?? tree.mapValue(of: key) else { continue }
            do throws(BadValue) {
                try key.apply(value, &settings)
            } catch {
                let name = environment[key.variable] == nil ? key.path : key.variable
                faults.append(SettingsFault(key: name, reason: error.reason, example: key.example))
            }
        }
        faults += settings.missingFiles(filesNeeded)
        faults += settings.contradictions()
        guard faults.isEmpty else { throw SettingsFaults(faults) }
        return settings
    }

    private func missingFiles(_ needed: NeededFiles) -> [SettingsFault] {
        var named: [(String, String?, String)] = []
        if needed.contains(.database) {
            named.append(
                ("database.vaultKeyFile", vaultKeyPath, "quantumgate init makes it; restore it from your backup"))
        }
        if needed.contains(.tables) {
            named.append(
                ("database.passwordFile", databasePasswordPath, "a file with the password, for its owner only"))
        }
        if needed.contains(.kernel) {
            named.append(("peers.sharedSecretFile", sharedSecretPath, "a file that all nodes of the network have"))
            named += otherSecretPaths.sorted { $0.key < $1.key }.map { node, path in
                ("peers.otherSecretFiles.\(node)", path, "a file that the nodes of its network have")
            }
        }
        if needed.contains(.supervisor) {
            named += extenders.sorted { $0.key < $1.key }.map {
                ("extenders.\($0.key)", absolute($0.value), "/usr/local/bin/my-\($0.key)")
            }
        }
        return named.compactMap { key, path, hint in
            guard let path, !FileManager.default.isReadableFile(atPath: path) else { return nil }
            return SettingsFault(
                key: key, reason: "there is no readable file \(path)", example: hint)
        }
    }

    private func contradictions() -> [SettingsFault] {
        let empty =
            peers.listen.isEmpty
            ? [SettingsFault(key: "peers.listen", reason: "is empty", example: "[\"[::]:7700\"]")] : []
        let unnamed =
            database.kind == .postgresql && database.url == nil
            ? [
                SettingsFault(
                    key: "database.url", reason: "is missing, as database.kind is postgresql",
                    example: "postgresql://gate@db.example.org/gate?sslmode=verify-full")
            ] : []
        return empty + unnamed + exposedAdmins()
    }

    /// Admin ports have no authentication, so only this machine may reach them, unless the operator says otherwise.
    private func exposedAdmins() -> [SettingsFault] {
        guard !admin.exposed else { return [] }
        let ports = [
            ("kernel.admin", kernel.admin), ("database.admin", database.admin), ("socks5.admin", socks5.admin),
        ]
        return ports.filter { !$0.1.isLoopback }.map { key, endpoint in
            SettingsFault(
                key: key,
                reason: "'\(endpoint)' is not on this machine; metrics and health are for 127.0.0.1 or ::1 only, "
                    + "unless admin.exposed is true",
                example: "127.0.0.1:\(endpoint.port)")
        }
    }
}

/// Which of the files that settings name must be there: those that a program reads itself.
package struct NeededFiles: OptionSet, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    /// What opens the database itself: with it tables are brought up to date.
    package static let tables = NeededFiles(rawValue: 8)
    /// What the database service opens: the database, and the identity in it.
    package static let database: NeededFiles = [.tables, NeededFiles(rawValue: 1)]
    /// What a kernel worker opens.
    package static let kernel = NeededFiles(rawValue: 2)
    /// Programs of extenders that `quantumgate node` starts.
    package static let supervisor = NeededFiles(rawValue: 4)
    /// What a node on one machine opens.
    package static let all: NeededFiles = [.database, .kernel, .supervisor]
}

extension Endpoint {
    fileprivate var isLoopback: Bool { host == "localhost" || literalAddress?.isLoopback == true }
}

/// Variables that name no setting but belong to us.
private let otherVariables: Set<String> = ["QUANTUMGATE_DIR"]

private func isOurs(_ variable: String) -> Bool {
    variable.hasPrefix("QUANTUMGATE_") && !otherVariables.contains(variable)
}

private func unknownVariables(in environment: [String: String]) -> [SettingsFault] {
    let known = Set(SettingsKey.all.filter { !isMap($0) }.map(\.variable))
    return environment.keys.filter { isOurs($0) && !known.contains($0) }.sorted().map { name in
        let path = name.dropFirst("QUANTUMGATE_".count).lowercased().replacing("_", with: ".")
        let near = nearestKey(to: path).flatMap { isMap($0) ? nil : $0 }
        return SettingsFault(
            key: name, reason: "is no setting" + (near.map { "; did you mean \($0.variable)?" } ?? ""),
            example: near.map { "\($0.variable)=\($0.example)" } ?? "quantumgate config explain")
    }
}

private func isMap(_ key: SettingsKey) -> Bool {
    switch key.shape {
    case .scalar, .list: false
    case .map: true
    }
}

private func absolutePath(_ path: String) -> String {
    let path = path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    return FilePath(path).lexicallyNormalized().string
}

private func insert(
    _ values: inout [AbsoluteConfigKey: ConfigValue], _ entry: (key: String, value: SettingsKey.Value)
) {
    let key = AbsoluteConfigKey(entry.key.split(separator: ".").map(String.init))
    switch entry.value {
    case .scalar(let text): values[key] = ConfigValue(.string(text), isSecret: false)
    case .list(let texts): values[key] = ConfigValue(.stringArray(texts), isSecret: false)
    case .map: break
    }
}

extension ConfigReader {
    /// The first provider's value of that key.
    fileprivate func value(of key: SettingsKey) -> SettingsKey.Value? {
        let name = ConfigKey(key.path.split(separator: ".").map(String.init))
        switch key.shape {
        case .scalar: return string(forKey: name).map { .scalar($0) }
        case .list:
            return stringArray(forKey: name).map { texts in
                .list(texts.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty })
            }
        case .map: return nil
        }
    }
}

extension SettingsTree {
    fileprivate func mapValue(of key: SettingsKey) -> SettingsKey.Value? { isMap(key) ? values[key.path] : nil }
}
