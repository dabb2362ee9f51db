"""What must survive: one transactional store over SQLAlchemy Core (SQLite by default, PostgreSQL by URL).

Contract (implemented by the modules of this package)::

    store = Store.open(settings, clock)      # creates or migrates; raises StoreError with a plain text
    with store.read() as session: ...        # one consistent snapshot
    with store.write() as session: ...       # serialised against other writers; commits on leaving, rolls back on error
    store.ready() -> bool ; store.close()

Session (one transaction; every getter answers frozen domain structs, None where there is no such row)::

    organizations() organization(id) add_organization(o)
    groups(org_id=None) group(id) group_by_name(name) add_group(g) replace_group(g) remove_group(id)
    workspaces(group_id) workspace(group_id, name) workspace_by_id(id) add_workspace(w) replace_workspace(w) remove_workspace(w)
    connections(workspace) connection(workspace, name)      # creation order; secrets unsealed into Secret members
    add_connection(workspace, c) replace_connection(workspace, c) remove_connection(workspace, name)
    processors(workspace) processor(workspace, name) processor_by_id(id) started_processors()
    add_processor(p) replace_processor(p) remove_processor(id)
    checkpoint(processor_id) -> bytes | None
    save_checkpoint(processor_id, generation, data: bytes) -> bool   # False: a newer generation exists, nothing written
    remove_checkpoint(processor_id)
    clusters() cluster(name) put_cluster(name, uri: Secret) remove_cluster(name)
    api keys, service accounts, their secrets, roles and access lists, access tokens: see store/access.py
"""
