def lanes():
    return []
