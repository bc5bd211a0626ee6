// Package push makes `git push` a release, exactly: the app's current release is the commit that
// the deploy branch names.
//
// Three hooks of a bare repository (githooks(5)) share the work, all methods of [Hook]:
//
//	pre-receive            [Hook.PreReceive]            builds the pushed commit, straight from git's
//	                                                    quarantine, and registers a pending release
//	reference-transaction  [Hook.ReferenceTransaction]  promotes the release when the branch has moved
//	post-receive           [Hook.PostReceive]           tells the pusher; promotes where git is older
//	                                                    than 2.28 and has no reference-transaction
//
// A settler, a process that pre-receive starts and that outlives the push, finishes what they could
// not ([Hook.SettleWhenOver]). [Repository.Install] writes the hooks, [Repository.Uninstall]
// removes them:
//
//	repo, err := push.OpenRepository(ctx, "/srv/git/blog.git", "/usr/bin/git", env)
//	kept, err := repo.Install(ctx, &push.Settings{App: "blog", Home: "/var/lib/slugc"}, "/usr/bin/slugc")
//	…
//	hook := push.Hook{Repo: repo, Settings: settings, Releases: releases, Report: reporter}
//	err = hook.PreReceive(ctx, push.Push{Updates: updates, …}, push.Builder{…}) // in the hook's process
//
// The package does not build: [Builder] does. It does not serve git either.
//
// # Why not in pre-receive alone
//
// pre-receive runs before git decides: a later hook, receive.denyNonFastForwards or another push
// may keep the branch where it is. git runs the pre-receive hooks of several pushes at the same
// time. And any process may be killed at any instruction.
//
// # Records
//
// A push of a deploy branch has a [Record], ‹repository›/slugc/pushes/‹id›.json, from before its
// build until it is settled. The record is on disk, with the registration's idempotency key, before
// the registration is sent: any process that finds the record can end the registration. It names
// the receive-pack process, which all three hooks have as an ancestor, by pid, start time and boot.
// A decision about a push is made under a lock of the repository, with the record read again.
//
// To settle a push is to decide its fate, which is one of two. Promoted: the push has moved the
// branch. Abandoned: it has not, and either none of its processes still runs or its transaction
// was aborted; [release.Releases.Cancel] then ends the registration, even one that is still on its
// way.
//
// # Who moved the branch
//
// It is not enough that the branch names the push's commit: another push of the same commit may
// have moved it, and the app may have been rolled back on purpose since. git calls the hook
// reference-transaction with "prepared" while it holds the branch's lock, after it has compared the
// branch with the old value and before it moves the branch. In this phase, slugc first settles
// every other push that touched the branch ([transaction.settleEarlier]) and then records that this
// push is Prepared. Three statements follow, by induction over the moves of the branch:
//
//   - When the branch is about to move, every push that moved it before has been promoted. So
//     promotions happen in the order of the moves, and the last one wins.
//   - A push that is not Prepared has not moved the branch: git aborts a transaction whose hook
//     does not answer.
//   - A push that is Prepared, is not marked Aborted, and whose commit the branch names, has moved
//     the branch. Proof: suppose its own move failed. Then the branch still has the old value,
//     unless another push has moved it since. But that push, in its own prepared phase, found the
//     branch at the old value and marked this push Aborted. And with git's files format, a
//     transaction that is killed before its commit leaves its lock file. slugc sees that file, and
//     no other push can pass it.
//
// Promoting twice changes nothing ([release.Releases.Promote]). So a process may be killed between
// the coordinator's answer and its own note, and a rollback after a promotion stays in effect. The
// interleavings, each with a test:
//
//   - Killed before the move: the push is not Prepared, or the branch has its old value. Abandoned.
//   - Killed after the move: promoted by the settler or by the next push, at the latest before that
//     push moves the branch.
//   - Two pushes race: one finds that the branch has moved, before its build or in git's own
//     comparison. Abandoned. If both push the same commit, the mark Aborted decides.
//   - The branch moves to x, y and back to x: each move is promoted before the next.
//   - The coordinator does not answer: before the move, the prepared phase aborts the transaction.
//     After the move, the settler tries for a day, and the next push is rejected until the last one
//     is settled.
//
// Where git has no reference-transaction hook, all slugc knows is that the branch names the commit.
// Then only the case of two pushes of the same commit stays open. Moving the branch by hand,
// without receive-pack, releases nothing; `slugc hook status` shows it.
//
// # What a killed receive-pack leaves
//
// git does not clean up after kill -9: the branch's lock file would make every later push fail, and
// the quarantine would stay forever. The record identifies both, and slugc removes them. A lock
// file that was seen in the prepared phase is identified by its inode. One that was made right
// before the kill is removed if it holds the push's commit or nothing, does not change for two
// seconds, and no other push is about to move the branch. A quarantine without a record is removed
// by the next push that is alone in the repository.
//
// # Clients that go away
//
// git does not stop a hook when the client disconnects. [WatchClient] ends the build when the
// receive-pack has ended or nobody reads its output: the other end of its pipe or socket is closed.
// Where the kernel may not be asked about that, receive.keepAlive=1 (git-config(1)) makes git
// itself notice within two seconds.
package push
