"""Custom Vision behind the ports `trainer` and `predictor`: a project that is kept equal to the training set.

From the wire upwards::

    authentication   keys, or a token that is renewed
    calls            at the tier's pace, asked again when that helps, errors in our words
    client           the official SDK's two clients; finding and making projects
    wire, project    the SDK's answers as values, its methods as typed functions over one project
    desired          what the project should hold, pure
    differences      what to change about an image, pure
    batches          what goes into one upload, pure
    memory           which image of the project is which of ours
    uploads          what becomes of each uploaded image
    reconcile        project <- training set
    trainings        prune, start, adopt, wait
    models           what we know of each model: `models/<id>/custom_vision.json`
    annotations      tags and regions that people gave in the portal, as label statements
"""
