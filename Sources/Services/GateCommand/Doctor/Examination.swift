internal import Foundation
internal import GateCrypto
internal import GateDatabase
internal import GateKernel
internal import GateLinkTransport
internal import GateModel
internal import GateSettings
internal import GateStore
internal import Glibc

/// What `doctor` looks at.
enum Examination {
    static func all(of directory: String) async -> [Finding] {
        var findings = [clock(), lockedMemory(ProcessHardening.lockedMemoryLimit), descriptors()]
        let settings: LocalSettings
        do throws(SettingsFaults) {
            settings = try await LocalSettings.load(directory: directory)
        } catch {
            let faults = error.faults.map { Finding(subject: "settings", verdict: .bad, found: "\($0)") }
            return faults + findings
        }
        findings.insert(Finding(subject: "settings", verdict: .good, found: settings.file), at: 0)
        findings += files(settings) + sharedSecrets(settings) + keys(settings) + [credential(settings)]
        let isRunning = NodeLock.isHeld(in: settings.directory)
        let state = NodeState.read(settings)
        findings.append(processes(state, isRunning: isRunning))
        if !isRunning { findings += await ports(settings) }
        switch (isRunning, state) {
        case (false, _): findings.append(await stoppedDatabase(settings))
        case (true, nil): break  // a node inside a program: its database has no service to ask
        case (true, .some): findings.append(await databaseService(settings))
        }
        return findings
    }

    /// First flights carry the minute; a clock that is more than five minutes off meets silence everywhere.
    private static func clock() -> Finding {
        guard SystemClock.isSynchronised else {
            return Finding(
                subject: "clock", verdict: .poor, found: "not synchronised, as far as the system knows",
                advice: "Run chrony or systemd-timesyncd: peers ignore dials from clocks more than 5 minutes off.")
        }
        return Finding(subject: "clock", verdict: .good, found: "synchronised")
    }

    static func lockedMemory(_ limit: Int?) -> Finding {
        let needed = SecretSlab.lockedBytesDefault
        guard let limit else {
            return Finding(subject: "locked memory", verdict: .poor, found: "the limit is not known")
        }
        guard limit < needed else {
            let text = limit == .max ? "no limit" : "\(limit >> 10) KiB may be locked"
            return Finding(subject: "locked memory", verdict: .good, found: text)
        }
        return Finding(
            subject: "locked memory", verdict: .poor,
            found: "only \(limit >> 10) of \(needed >> 10) KiB may be locked, so secrets may reach the swap",
            advice:
                "Raise it (`ulimit -l`, LimitMEMLOCK= in the unit, --ulimit memlock= of a container), or encrypt the swap."
        )
    }

    private static func descriptors() -> Finding {
        let limit = ProcessHardening.raiseDescriptorLimit() ?? 0
        guard limit < 8_192 else {
            return Finding(subject: "descriptors", verdict: .good, found: "\(limit) may be open")
        }
        return Finding(
            subject: "descriptors", verdict: .poor, found: "only \(limit) may be open; each session takes one",
            advice: "Raise the hard limit (`ulimit -Hn`, LimitNOFILE= in the unit).")
    }

    /// Secrets that others may read are none, and programs refuse them.
    private static func files(_ settings: LocalSettings) -> [Finding] {
        let others = Set(settings.otherSecretPaths.values.compactMap(\.self)).sorted()
        let secrets = [settings.vaultKeyPath, settings.sharedSecretPath].compactMap { $0 } + others
        let findings = (secrets + [settings.databasePasswordPath].compactMap { $0 }).map { file($0, exposed: .bad) }
        return settings.database.kind == .sqlite
            ? findings + [file(settings.databasePath, exposed: .poor)] : findings
    }

    /// Whether what the files of networks' secrets hold is one. A kernel worker would say so at its start only.
    private static func sharedSecrets(_ settings: LocalSettings) -> [Finding] {
        let paths = [settings.sharedSecretPath].compactMap(\.self) + settings.otherSecretPaths.values.compactMap(\.self)
        return Set(paths).sorted().compactMap { path in
            do throws(SharedSecretFileFailure) {
                _ = try SharedSecretFile.load(from: path)
                return nil
            } catch .malformed(let path) {
                return Finding(
                    subject: "shared secret", verdict: .bad,
                    found: "\(path) is neither 64 hexadecimal digits nor a passphrase of 8 bytes or more",
                    advice: "Copy it from another node of the network; for a new one: openssl rand -hex 32 > \(path)")
            } catch .noMemory {
                return Finding(
                    subject: "shared secret", verdict: .bad, found: "no memory to stretch the passphrase in \(path)",
                    advice: "Argon2id takes 256 MiB at a worker's start.")
            } catch { return nil }  // what the files' own findings say
        }
    }

    /// The private keys of link credentials and of the authority that signs them, where one is here.
    private static func keys(_ settings: LocalSettings) -> [Finding] {
        let folder = "\(settings.directory)/credentials"
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        let folders = names.map { "\(folder)/\($0)" } + [settings.authorityDirectory]
        let findings = folders.map { "\($0)/\(LinkCredential.File.key)" }
            .filter { FileManager.default.fileExists(atPath: $0) }
            .map { file($0, exposed: .bad) }
        let wrong = findings.filter { $0.verdict != .good }
        guard wrong.isEmpty else { return wrong }
        return [Finding(subject: "files", verdict: .good, found: "\(findings.count) private keys of credentials")]
    }

    private static func file(_ path: String, exposed verdict: Finding.Verdict) -> Finding {
        guard let permissions = FilePermissions.of(path) else {
            return Finding(
                subject: "files", verdict: .bad, found: "there is no \(path)", advice: "Restore it from your backup.")
        }
        guard permissions & 0o077 != 0 else { return Finding(subject: "files", verdict: .good, found: path) }
        return Finding(
            subject: "files", verdict: verdict, found: "\(path) can be read by others", advice: "chmod 600 \(path)")
    }

    private static func credential(_ settings: LocalSettings) -> Finding {
        do {
            let credential = try LinkCredential.load(from: settings.credentialDirectory(OperatorLink.author))
            let left = credential.notAfter.seconds - Int64(Date().timeIntervalSince1970)
            let days = left / 86_400
            guard left > 0 else {
                return Finding(
                    subject: "credentials", verdict: .bad, found: "the operator's credential has expired",
                    advice: "quantumgate credential issue --role operator --name operator (and the others)")
            }
            return Finding(
                subject: "credentials", verdict: days < 30 ? .poor : .good, found: "end in \(days) days",
                advice: days < 30 ? "Issue new ones with `quantumgate credential issue`." : nil)
        } catch {
            return Finding(subject: "credentials", verdict: .bad, found: "\(error)")
        }
    }

    private static func processes(_ state: NodeState?, isRunning: Bool) -> Finding {
        guard let state else {
            let found = isRunning ? "a node runs here inside another program" : "`quantumgate node` does not run here"
            return Finding(subject: "processes", verdict: .good, found: found)
        }
        let broken = state.children.filter { $0.phase != "ready" }
        guard let first = broken.first else {
            return Finding(subject: "processes", verdict: .good, found: "\(state.children.count) run")
        }
        return Finding(
            subject: "processes", verdict: .bad,
            found: "\(first.name) is \(first.phase)" + (first.lastEnd.map { ", last ended: \($0)" } ?? ""),
            advice: "Its log says why.")
    }

    private static func ports(_ settings: LocalSettings) async -> [Finding] {
        var endpoints = settings.peers.listen.map { ("peers.listen", $0) }
        endpoints += [("database.link", settings.database.link), ("database.admin", settings.database.admin)]
        for index in 0..<settings.node.workers {
            endpoints.append(("kernel.link", settings.kernelLink(index: index)))
            endpoints.append(("kernel.admin", settings.kernelAdmin(index: index)))
        }
        if settings.socks5.enabled {
            endpoints += [("socks5.listen", settings.socks5.listen), ("socks5.admin", settings.socks5.admin)]
        }
        var findings: [Finding] = []
        for (key, endpoint) in endpoints {
            guard let reason = await PortProbe.reasonNotToBind(endpoint) else { continue }
            findings.append(
                Finding(
                    subject: "ports", verdict: .bad, found: "\(endpoint) can't be used: \(reason)",
                    advice: "End what uses it, or change \(key) in \(settings.file)."))
        }
        guard findings.isEmpty else { return findings }
        return [Finding(subject: "ports", verdict: .good, found: "\(endpoints.count) are free")]
    }

    /// Asks the running service.
    private static func databaseService(_ settings: LocalSettings) async -> Finding {
        do {
            let count = try await OperatorLink.with(settings) { store in try await store.workers().count }
            return Finding(subject: "database", verdict: .good, found: "answers; \(count) workers are registered")
        } catch {
            return Finding(subject: "database", verdict: .bad, found: "\(error)")
        }
    }

    /// Reads the files themselves: what a restored backup must pass before the node is started.
    static func stoppedDatabase(_ settings: LocalSettings) async -> Finding {
        do throws(NodeDatabaseFailure) {
            let node = try await NodeDatabase.inspect(
                DatabasePlace(settings), vaultKeyFile: settings.vaultKeyPath)
            return Finding(
                subject: "database", verdict: .good, found: "sound; the vault key opens the identity of \(node)")
        } catch {
            return Finding(
                subject: "database", verdict: .bad, found: "\(error)",
                advice: settings.database.kind == .sqlite
                    ? "Restore database and vault key from one backup, without the database's -wal and -shm files."
                    : "Is PostgreSQL up and reachable from here, and are database and vault key of one node?")
        }
    }
}

/// Who may do what with a file.
enum FilePermissions {
    /// The lowest nine bits of its mode; `nil` where there is none.
    static func of(_ path: String) -> Int? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.posixPermissions] as? NSNumber)?.intValue
    }
}
